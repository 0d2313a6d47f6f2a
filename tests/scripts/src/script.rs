//! Writes scripts: data at addresses that are known, and what is to be called with them. Never runs one.

use crate::program::{Abi, BASE, END, GROW, STORE};

/// An argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// This number.
    Is(u32),
    /// The word at this address, when it is called.
    At(u32),
    /// The third word of the record whose address is at this address, when it is called.
    Third(u32),
}

impl From<u32> for Arg {
    fn from(number: u32) -> Arg {
        Arg::Is(number)
    }
}

/// A script under construction.
#[derive(Debug, Clone)]
pub struct Script {
    abi: Abi,
    data: Vec<u8>,
    code: Vec<u32>,
}

impl Script {
    /// A script that does nothing.
    #[must_use]
    pub fn new(abi: Abi) -> Script {
        Script {
            abi,
            // The address of the code, which is known in the end.
            data: vec![0; 8],
            code: Vec::new(),
        }
    }

    /// Places bytes in the guest's memory, at a multiple of 8, and says where.
    pub fn data(&mut self, bytes: &[u8]) -> u32 {
        let at = address(self.data.len());
        self.data.extend(bytes);
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        at
    }

    /// Places words in the guest's memory, and says where.
    pub fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.data(&bytes)
    }

    /// Stores a word at an address.
    pub fn store(&mut self, at: u32, value: impl Into<Arg>) {
        self.code.extend([STORE, at]);
        self.argument(value.into());
    }

    /// Grows the memory by so many pages.
    pub fn grow(&mut self, pages: u32) {
        self.code.push(GROW);
        self.argument(Arg::Is(pages));
    }

    /// Calls a function, and says where its result will be; 0 if it has none.
    ///
    /// # Panics
    /// If the ABI has no such function, or it takes another number of arguments.
    pub fn call(&mut self, name: &str, arguments: &[Arg]) -> u32 {
        let found = self.abi.function(name);
        let (number, function) = found.unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(arguments.len(), function.parameters, "{name}");
        self.code.push(number);
        for argument in arguments {
            self.argument(*argument);
        }
        if !function.has_result {
            return 0;
        }
        let result = self.words(&[u32::MAX]);
        self.code.push(result);
        result
    }

    fn argument(&mut self, argument: Arg) {
        self.code.extend(match argument {
            Arg::Is(number) => [0, number],
            Arg::At(at) => [1, at],
            Arg::Third(at) => [2, at],
        });
    }

    /// The script's bytes: the guest's input. In the end it leaves all of its data: on the standard output, or as
    /// the output `left`.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        match self.abi {
            Abi::Module => {
                let vector = self.words(&[BASE, 0]);
                let length = self.length_with(1);
                self.store(vector + 4, length);
                self.call("fd_write", &[1.into(), vector.into(), 1.into(), 0.into()]);
            }
            Abi::Component => {
                let name = self.data(b"left");
                let created = self.words(&[0, 0]);
                let length = self.length_with(0);
                self.call("create", &[name.into(), 4.into(), created.into()]);
                self.call(
                    "[method]output.write",
                    &[Arg::At(created + 4), BASE.into(), length.into()],
                );
            }
        }
        self.code.push(END);
        let code_at = address(self.data.len());
        self.data[..4].copy_from_slice(&code_at.to_le_bytes());
        let code = self.code.iter().flat_map(|word| word.to_le_bytes());
        self.data.extend(code);
        self.data
    }

    /// Bytes of data once so many more results have their places.
    fn length_with(&self, results: u32) -> u32 {
        address(self.data.len()) - BASE + 8 * results
    }
}

fn address(offset: usize) -> u32 {
    u32::try_from(offset).expect("scripts are small") + BASE
}

/// The data of a script, as the guest left it.
#[derive(Debug, Clone, Copy)]
pub struct Left<'b>(pub &'b [u8]);

impl Left<'_> {
    /// The word at an address.
    ///
    /// # Panics
    /// If it is not within the script's data.
    #[must_use]
    pub fn word(&self, at: u32) -> u32 {
        let bytes = self.bytes(at, 4);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The bytes at an address.
    ///
    /// # Panics
    /// If they are not within the script's data.
    #[must_use]
    pub fn bytes(&self, at: u32, length: u32) -> &[u8] {
        let start = (at - BASE) as usize;
        &self.0[start..start + length as usize]
    }
}
