// Answers what is asked about programs, on this Node's V8: `node.mjs REQUEST REPLY`. What the two files
// hold is in ../protocol.rs. Decides nothing: it says what V8 says.

import { readFileSync, writeFileSync } from "node:fs";
import { Worker, isMainThread, workerData } from "node:worker_threads";

/** More than stack units allow, with the larger frames of either compiler. */
const STACK_MEGABYTES = 200;

/** Calls of the program that may wait for each other, as in the differential tests. */
const WAITING_MAX = 6;

/** The host's functions, as in the differential tests. */
const functions = {
  twice: (value) => (Math.imul(value, 2) + 1) | 0,
  mix(a, b) {
    const bits = BigInt.asUintN(64, a);
    const count = BigInt(b & 63);
    const turned = BigInt.asUintN(64, (bits << count) | (bits >> (64n - count)));
    return BigInt.asIntN(64, turned ^ 0x9e3779b97f4a7c15n);
  },
  nothing() {},
};

function answer(program) {
  let metered, adapter;
  try {
    metered = compile(program.metered);
    adapter = compile(program.adapter);
  } catch (error) {
    return { refused: error.message, takes_plain: compiles(program.plain) };
  }
  return { runs: program.calls.map((call) => run(program, metered, adapter, call)) };
}

function compile(base64) {
  return new WebAssembly.Module(Buffer.from(base64, "base64"));
}

function compiles(base64) {
  try {
    compile(base64);
    return true;
  } catch {
    return false;
  }
}

function run(program, metered, adapter, call) {
  const global = (value, start) => new WebAssembly.Global({ value, mutable: true }, start);
  const meter = {
    left: global("i64", BigInt(call.left)),
    "stack-left": global("i32", call.stack_units),
    "pages-grown": global("i64", 0n),
    "grown-low": global("i64", 0n),
    "grown-high": global("i64", 0n),
  };
  const ran = { failure: null, results: [], globals: [], memories: [] };
  let instance;
  let waiting = 0;
  const host = {
    ...functions,
    "call-back"(value) {
      if (!instance || !program.is_called_back || waiting === WAITING_MAX) {
        return value;
      }
      waiting += 1;
      try {
        return instance.exports.back(value);
      } finally {
        waiting -= 1;
      }
    },
  };
  try {
    instance = new WebAssembly.Instance(metered, { host, "meterbox:meter": meter });
  } catch (error) {
    ran.failure = words(error);
  }
  if (instance) {
    const { exports } = new WebAssembly.Instance(adapter, { program: instance.exports });
    const slots = (count) =>
      Array.from({ length: count }, (_, at) => [
        exports[`s${2 * at}`].value.toString(),
        exports[`s${2 * at + 1}`].value.toString(),
      ]);
    call.arguments.forEach(([low, high], at) => {
      exports[`s${2 * at}`].value = BigInt(low);
      exports[`s${2 * at + 1}`].value = BigInt(high);
    });
    try {
      exports[`call${call.function}`]();
      ran.results = slots(call.results);
    } catch (error) {
      ran.failure = words(error);
    }
    exports.globals();
    ran.globals = slots(program.globals);
    exports.memories();
    ran.memories = slots(program.memories);
  }
  ran.left = meter.left.value.toString();
  ran.stack_left = meter["stack-left"].value;
  ran.pages_grown = meter["pages-grown"].value.toString();
  ran.grown_low = meter["grown-low"].value.toString();
  ran.grown_high = meter["grown-high"].value.toString();
  return ran;
}

/** What V8 says of a failure, with its kind in front. */
function words(error) {
  if (error instanceof WebAssembly.Exception) {
    return "Exception";
  }
  return `${error?.constructor?.name}: ${error?.message}`;
}

if (isMainThread) {
  const [request, reply] = process.argv.slice(2);
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { request, reply },
    resourceLimits: { stackSizeMb: STACK_MEGABYTES },
  });
  worker.on("error", (error) => {
    console.error(String(error));
    process.exitCode = 1;
  });
} else {
  const { programs } = JSON.parse(readFileSync(workerData.request, "utf8"));
  const version = `V8 ${process.versions.v8} in Node ${process.versions.node} on ${process.arch}`;
  const reply = { version, programs: programs.map(answer) };
  writeFileSync(workerData.reply, JSON.stringify(reply));
}
