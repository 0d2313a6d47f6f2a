//! A regular expression matcher that backtracks, on patterns that make it.
#![no_main]

use programs::{Random, mix};

enum Node {
    Byte(u8),
    Any,
    Class(Vec<(u8, u8)>),
    Star(Box<Node>),
    Either(Vec<Node>, Vec<Node>),
}

/// A sequence until the end or a closing character.
fn parse(pattern: &[u8], at: &mut usize) -> Vec<Node> {
    let mut sequence = Vec::new();
    while let Some(byte) = pattern.get(*at).copied() {
        let node = match byte {
            b')' | b'|' => break,
            b'.' => Node::Any,
            b'[' => {
                let mut ranges = Vec::new();
                *at += 1;
                while pattern[*at] != b']' {
                    ranges.push((pattern[*at], pattern[*at + 2]));
                    *at += 3;
                }
                Node::Class(ranges)
            }
            b'(' => {
                *at += 1;
                let left = parse(pattern, at);
                *at += 1;
                let right = parse(pattern, at);
                Node::Either(left, right)
            }
            byte => Node::Byte(byte),
        };
        *at += 1;
        sequence.push(if pattern.get(*at) == Some(&b'*') {
            *at += 1;
            Node::Star(Box::new(node))
        } else {
            node
        });
    }
    sequence
}

fn one(node: &Node, byte: u8) -> bool {
    match node {
        Node::Byte(wanted) => *wanted == byte,
        Node::Any => byte != b'\n',
        Node::Class(ranges) => ranges
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&byte)),
        Node::Star(_) | Node::Either(..) => false,
    }
}

/// The end of a match of `nodes`, then `rest`, at `at`.
fn matches(nodes: &[Node], rest: &[&[Node]], text: &[u8], at: usize) -> Option<usize> {
    let Some((node, following)) = nodes.split_first() else {
        return match rest.split_first() {
            Some((first, rest)) => matches(first, rest, text, at),
            None => Some(at),
        };
    };
    match node {
        Node::Star(inner) => {
            let most = text[at..]
                .iter()
                .take_while(|byte| one(inner, **byte))
                .count();
            (0..=most)
                .rev()
                .find_map(|length| matches(following, rest, text, at + length))
        }
        Node::Either(left, right) => {
            let mut then = vec![following];
            then.extend_from_slice(rest);
            matches(left, &then, text, at).or_else(|| matches(right, &then, text, at))
        }
        node => {
            let fits = text.get(at).is_some_and(|byte| one(node, *byte));
            fits.then(|| matches(following, rest, text, at + 1))
                .flatten()
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let patterns = [
        "[a-e]*x*(count|meter) *",
        "(b|the) .*of *[m-z]*",
        "e*[a-z]*t*(er|pt)",
    ];
    let compiled = patterns.map(|pattern| parse(pattern.as_bytes(), &mut 0));
    let mut checksum = 0;
    for round in 0..n {
        let text = Random::new(round + 1).text(6_000);
        for nodes in &compiled {
            let mut at = 0;
            while at < text.len() {
                match matches(nodes, &[], &text, at) {
                    Some(end) if end > at => {
                        checksum = mix(checksum, (end - at) as u64);
                        at = end;
                    }
                    _ => at += 1,
                }
            }
        }
    }
    checksum
}
