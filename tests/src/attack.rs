//! Programs that try to get work for nothing, and what must become of each. Never runs them.
//!
//! An attack is a program in WebAssembly's text form that begins with comments in a fixed form,
//! `;; key: value`, of which a line that begins with `;;` and three spaces goes on with the value before:
//!
//! - `tries`: what it hopes for, as a sentence without its beginning and its full stop,
//! - `expect`: `refused WORDS`, or how the run ends: `ok`, `failed CODE`, `trapped CODE`, `limit NAME`,
//! - `limit`: `NAME = SUM`, a limit that is not the one that tests have,
//! - `where`: `NAME = SUM`, a name for the sums after it,
//! - `bill`, `peak`, `integral`, `host_calls`, `bytes_in`, `bytes_out`, `admission`: the sum that
//!   it must come to. What its instances declare has the name `declares` there.
//! - `cut`: `delivers nothing`, if a budget below the bill must leave no byte with the host,
//! - `finding`: what becomes of it instead, as long as nobody has mended that.
//!
//! A sum is written in the names of the cost schedule and in `host.NAME` for a host function's
//! weight, and derived by hand from the specification.

mod generated;

use std::collections::BTreeMap;
use std::fs;

/// What must become of an attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It is refused, with these words in the reason.
    Refused(String),
    /// It runs, and ends so: `ok`, `failed CODE`, `trapped CODE` or `limit NAME`.
    Ends(String),
}

/// A name, and the sum that it stands for or must come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The name.
    pub name: String,
    /// The sum, as it is written.
    pub text: String,
}

/// A program, and what must become of it.
#[derive(Debug, Clone)]
pub struct Attack {
    /// Its name, of which the part before the first `_` is its group.
    pub name: String,
    /// Whether it is too long to write down, and made by a function instead of kept in a file.
    pub is_generated: bool,
    /// The program, in WebAssembly's text form.
    pub text: String,
    /// What it hopes for.
    pub tries: String,
    /// What must become of it.
    pub expected: Expected,
    /// Limits that are not the ones that tests have, in their order.
    pub limits: Vec<Sum>,
    /// Names for the sums, each of which may use the ones before.
    pub names: Vec<Sum>,
    /// What it must come to, by what is counted: `bill` and the like.
    pub counts: Vec<Sum>,
    /// Whether a budget below the bill must leave no byte with the host.
    pub cut_delivers_nothing: bool,
    /// What becomes of it instead, as long as nobody has mended that.
    pub finding: Option<String>,
}

impl Attack {
    /// The part of its name before the first `_`.
    #[must_use]
    pub fn group(&self) -> &str {
        self.name.split('_').next().unwrap_or_default()
    }

    /// The sum that must be counted under this name.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<&Sum> {
        self.counts.iter().find(|count| count.name == name)
    }

    fn read(name: &str, is_generated: bool, text: String) -> Attack {
        let mut attack = Attack {
            name: name.to_owned(),
            is_generated,
            text: String::new(),
            tries: String::new(),
            expected: Expected::Ends(String::new()),
            limits: Vec::new(),
            names: Vec::new(),
            counts: Vec::new(),
            cut_delivers_nothing: false,
            finding: None,
        };
        for (key, value) in header(&text) {
            attack.take(&key, value);
        }
        attack.text = text;
        attack.check();
        attack
    }

    fn take(&mut self, key: &str, value: String) {
        let name = &self.name;
        match key {
            "tries" => self.tries = value,
            "expect" => {
                self.expected = match value.strip_prefix("refused ") {
                    Some(words) => Expected::Refused(words.to_owned()),
                    None => Expected::Ends(value),
                }
            }
            "limit" => self.limits.push(named(name, &value)),
            "where" => self.names.push(named(name, &value)),
            "finding" => self.finding = Some(value),
            "cut" => {
                assert_eq!(value, "delivers nothing", "{name}");
                self.cut_delivers_nothing = true;
            }
            "bill" | "peak" | "integral" | "host_calls" | "bytes_in" | "bytes_out"
            | "admission" => self.counts.push(Sum {
                name: key.to_owned(),
                text: value,
            }),
            _ => panic!("{name}: there is no key `{key}`"),
        }
    }

    /// A test that expects nothing would pass whatever happens.
    fn check(&self) {
        let name = &self.name;
        assert!(!self.tries.is_empty(), "{name}: it says what it tries");
        match &self.expected {
            Expected::Refused(words) => {
                assert!(!words.is_empty(), "{name}: it says why it is refused");
                assert!(self.counts.is_empty(), "{name}: nothing is billed");
            }
            Expected::Ends(ends) => {
                assert!(!ends.is_empty(), "{name}: it says what is expected");
                let is_counted = ["bill", "host_calls"].map(|count| self.count(count).is_some());
                assert!(is_counted.contains(&true), "{name}: it has a bill");
                assert!(
                    self.names.iter().any(|sum| sum.name == "declares"),
                    "{name}: it says what is declared"
                );
            }
        }
    }
}

/// The keys and values that a program's text begins with.
fn header(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix(";;")) {
        if let Some(more) = line.strip_prefix("   ") {
            let (_, value) = found.last_mut().expect("a value goes on after its key");
            value.push(' ');
            value.push_str(more.trim());
        } else {
            let (key, value) = line.split_once(':').expect("a key ends with a colon");
            found.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

fn named(attack: &str, value: &str) -> Sum {
    let Some((name, text)) = value.split_once(" = ") else {
        panic!("{attack}: `{value}` is no name and its sum");
    };
    Sum {
        name: name.trim().to_owned(),
        text: text.trim().to_owned(),
    }
}

/// All attacks: the files in `tests/attacks`, and the ones that are too long to write down.
/// Sorted by name.
///
/// # Panics
/// If a file cannot be read, or does not begin as it must.
#[must_use]
pub fn attacks() -> Vec<Attack> {
    let mut all = BTreeMap::new();
    let folder = crate::repository().join("tests/attacks");
    for entry in fs::read_dir(folder).expect("the folder of attacks can be read") {
        let path = entry.expect("the folder of attacks can be read").path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let name = name.expect("an attack's file name is text");
        assert!(
            path.extension().is_some_and(|extension| extension == "wat"),
            "{name} is no attack"
        );
        let text = fs::read_to_string(&path).expect("an attack can be read");
        all.insert(name.to_owned(), Attack::read(name, false, text));
    }
    for (name, text) in generated::all() {
        let before = all.insert(name.to_owned(), Attack::read(name, true, text));
        assert!(before.is_none(), "{name} is there twice");
    }
    all.into_values().collect()
}
