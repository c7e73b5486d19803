// node run.js NODE_MODULES FOLDER: runs FOLDER/<model> on what FOLDER/<model>.json holds; prints the largest differences as JSON.
console.log = console.warn = () => {}; // TensorFlow.js advertises itself there
const fs = require("fs");
const path = require("path");
const [modules, folder] = process.argv.slice(2);
const tf = require(path.join(modules, "@tensorflow/tfjs"));

function artifacts(directory) {
  const model = JSON.parse(fs.readFileSync(path.join(directory, "model.json")));
  const files = model.weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(files.map((file) => fs.readFileSync(path.join(directory, file))));
  return {
    modelTopology: model.modelTopology,
    signature: model.signature,
    format: model.format,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  };
}

async function difference(name) {
  const model = await tf.loadGraphModel({ load: async () => artifacts(path.join(folder, name)) });
  const { inputs, outputs } = model.modelSignature;
  const wanted = Object.keys(outputs).sort().map((key) => outputs[key].name);
  let largest = 0;
  for (const run of JSON.parse(fs.readFileSync(path.join(folder, `${name}.json`)))) {
    const given = {};
    for (const [key, x] of Object.entries(run.inputs)) {
      const input = inputs[key] || inputs[`${key}:0`]; // the converter writes either
      given[input.name] = tf.tensor(x.values, x.shape, x.dtype);
    }
    const found = [await model.executeAsync(given, wanted)].flat();
    found.forEach((tensor, i) => {
      const got = tensor.dataSync();
      if (got.length !== run.outputs[i].length) throw new Error(`${name}: ${got.length} values`);
      got.forEach((x, j) => {
        largest = Math.max(largest, Math.abs(x - run.outputs[i][j]) / (1 + Math.abs(run.outputs[i][j])));
      });
    });
  }
  return largest;
}

(async () => {
  await tf.setBackend("cpu");
  const found = {};
  for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const name = file.replace(".json", "");
    found[name] = await difference(name);
  }
  process.stdout.write(JSON.stringify(found));
})().catch((error) => {
  process.stderr.write(String(error));
  process.exit(1);
});
