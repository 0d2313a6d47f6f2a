//! Scripts of calls on models, with what each is to answer; and what such a script is run by.

use meterbox_scripts::{Abi, Arg, Left, PAGES, Script, program};

use crate::job::{Done, Job};

/// Codes of `wasi_ephemeral_nn`.
pub const INVALID_ARGUMENT: u32 = 1;
pub const INVALID_ENCODING: u32 = 2;
pub const UNSUPPORTED_OPERATION: u32 = 6;
pub const TOO_LARGE: u32 = 7;
pub const NOT_FOUND: u32 = 8;

pub const ONNX: u32 = 1;
pub const CPU: u32 = 0;
pub const GPU: u32 = 1;
pub const ANY: u32 = 3;
pub const F32: u32 = 1;
pub const I32: u32 = 4;

/// One past the guest's memory.
pub const END: u32 = PAGES << 16;

pub fn job(abi: Abi, script: Script) -> Job {
    let input = match abi {
        Abi::Module => "stdin",
        Abi::Component => "script",
    };
    Job::program(program(abi)).input(input, script.finish())
}

pub fn left(done: &Done, abi: Abi) -> Vec<u8> {
    let name = match abi {
        Abi::Module => "stdout",
        Abi::Component => "left",
    };
    done.is_ok().output(name).to_vec()
}

/// A script of a module, with the addresses of results and what each is to be.
pub struct Calls {
    pub script: Script,
    expected: Vec<(String, u32, u32)>,
}

impl Calls {
    pub fn new() -> Calls {
        Calls {
            script: Script::new(Abi::Module),
            expected: Vec::new(),
        }
    }

    /// A call that is to answer with this code, and where its handle or length will be.
    pub fn gives<const N: usize>(&mut self, code: u32, name: &str, arguments: [Arg; N]) {
        let at = self.script.call(name, &arguments);
        let what = format!("{} {name} {arguments:x?}", self.expected.len());
        self.expected.push((what, at, code));
    }

    /// A word that is to be this in the end.
    pub fn becomes(&mut self, what: &str, at: u32, word: u32) {
        self.expected.push((what.to_string(), at, word));
    }

    pub fn place(&mut self) -> u32 {
        self.script.words(&[u32::MAX])
    }

    pub fn by_name(&mut self, name: &str) -> Arg {
        let (at, to) = (self.script.data(name.as_bytes()), self.place());
        let length = u32::try_from(name.len()).unwrap();
        self.gives(0, "load_by_name", [at.into(), length.into(), to.into()]);
        Arg::At(to)
    }

    pub fn context(&mut self, graph: Arg) -> Arg {
        let to = self.place();
        self.gives(0, "init_execution_context", [graph, to.into()]);
        Arg::At(to)
    }

    /// A tensor's record.
    pub fn tensor(&mut self, dimensions: &[u32], ty: u32, data: &[u8]) -> u32 {
        let (dimensions_at, data_at) = (self.script.words(dimensions), self.script.data(data));
        let (rank, bytes) = (dimensions.len(), data.len());
        let [rank, bytes] = [rank, bytes].map(|n| u32::try_from(n).unwrap());
        self.script
            .words(&[dimensions_at, rank, ty, data_at, bytes])
    }

    pub fn job(&self) -> Job {
        job(Abi::Module, self.script.clone())
    }

    /// Runs it, with the models, and compares.
    pub fn run(self, models: &[(&str, Vec<u8>)]) -> Done {
        let mut job = self.job();
        for (name, model) in models {
            job = job.input(name, model.clone());
        }
        let done = job.run();
        let bytes = left(&done, Abi::Module);
        for (what, at, code) in self.expected {
            assert_eq!(Left(&bytes).word(at), code, "{what}; {:?}", done.heard);
        }
        done
    }
}

pub fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
