//! A JSON parser that builds a tree, and a walk over it.
#![no_main]

use programs::{Random, mix};

use std::collections::BTreeMap;

enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(value)
    }

    fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => self.text().map(Value::Text),
            b'[' => self.list(),
            b'{' => self.map(),
            _ => self.number(),
        }
    }

    fn list(&mut self) -> Option<Value> {
        self.at += 1;
        let mut values = Vec::new();
        while !self.eat(b']') {
            values.push(self.value()?);
            self.eat(b',');
        }
        Some(Value::List(values))
    }

    fn map(&mut self) -> Option<Value> {
        self.at += 1;
        let mut entries = BTreeMap::new();
        while !self.eat(b'}') {
            self.peek()?;
            let key = self.text()?;
            if !self.eat(b':') {
                return None;
            }
            entries.insert(key, self.value()?);
            self.eat(b',');
        }
        Some(Value::Map(entries))
    }

    fn text(&mut self) -> Option<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => {
                    let escaped = *self.text.get(self.at)?;
                    self.at += 1;
                    bytes.push(match escaped {
                        b'n' => b'\n',
                        b't' => b'\t',
                        other => other,
                    });
                }
                byte => bytes.push(byte),
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let began = self.at;
        while self
            .text
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
        {
            self.at += 1;
        }
        let digits = str::from_utf8(&self.text[began..self.at]).ok()?;
        digits.parse().ok().map(Value::Number)
    }
}

fn document(records: u32) -> String {
    let mut random = Random::new(records);
    let mut text = String::from("[");
    for id in 0..records {
        let (x, y) = (random.below(10_000), random.below(100));
        text += &format!(
            r#"{{"id": {id}, "name": "record \"{x}\"\n", "position": [{y}.{x}, -{x}e-2, 0],
                "active": {}, "parent": null, "tags": ["a{y}", "b", "a longer tag"]}}{}"#,
            x % 2 == 0,
            if id + 1 == records { "]" } else { ", " }
        );
    }
    text
}

fn weight(value: &Value) -> u64 {
    match value {
        Value::Null => 1,
        Value::Bool(value) => 2 + u64::from(*value),
        Value::Number(number) => number.to_bits(),
        Value::Text(text) => text.bytes().map(u64::from).sum(),
        Value::List(values) => values.iter().map(weight).fold(3, mix),
        Value::Map(entries) => entries.values().map(weight).fold(5, mix),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let text = document(200);
    (0..n).fold(0, |checksum, _| {
        let mut parser = Parser {
            text: text.as_bytes(),
            at: 0,
        };
        let value = parser.value().expect("a whole document");
        mix(checksum, weight(&value))
    })
}
