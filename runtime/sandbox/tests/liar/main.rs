//! A worker program that does not do what a runner does, in the way that its first argument names: as if
//! a guest had taken it over. For the sandbox's tests alone.

use std::io::Write;
use std::time::Duration;

use meterbox_isolation::{Channel, Roles, serve};

/// Places of the messages among those that a runner sends.
const LOADED: u8 = 0;
const ITEMS: u8 = 2;
const ENDED: u8 = 3;

/// `Loaded(Ok(true))`: the program is a command.
const LOADED_COMMAND: [u8; 3] = [LOADED, 0, 1];

fn main() -> Result<(), String> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let roles = Roles {
        runner: &|channel| runner(channel, &mode),
        compiler: &|channel| compiler(channel, &mode),
        inference: &|_| 0,
    };
    serve(&roles).map_err(|error| error.to_string())
}

/// An output of this name and size, without content: `Items([Output { .. }])`.
fn output(name: &str, bytes: u8) -> Vec<u8> {
    let mut item = vec![1, u8::try_from(name.len()).unwrap_or(0)];
    item.extend(name.as_bytes());
    item.extend([0; 32]);
    item.push(bytes);
    item
}

fn items(all: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![ITEMS, u8::try_from(all.len()).unwrap_or(0)];
    message.extend(all.iter().flatten());
    message
}

/// `Ended(Ok(End { outcome, .. }))`, with nothing used.
fn ended(outcome: &[u8]) -> Vec<u8> {
    let mut message = vec![ENDED, 0];
    message.extend(outcome);
    message.extend([0; 3]);
    message.push(0);
    message.extend([0; 4]);
    message.extend([0; 7]);
    message.push(0);
    message.extend([0; 2]);
    message
}

fn runner(mut channel: Channel, mode: &str) -> u8 {
    let end = |channel: &Channel| {
        let _ = channel.send(&ended(&[0]), &[], None);
    };
    let mut loaded = false;
    while let Ok(Some(frame)) = channel.receive(None) {
        if !loaded {
            // First comes `Begin`, then `Load`, whose last byte says whether an answer is expected.
            if frame.payload == [0] {
                continue;
            }
            loaded = true;
            if frame.payload.last() == Some(&0) {
                continue;
            }
            match mode {
                "dies-while-loading" => return 7,
                "loads-nonsense" => drop(channel.send(&[LOADED, 9, 9], &[], None)),
                _ => drop(channel.send(&LOADED_COMMAND, &[], None)),
            }
            continue;
        }
        let say = |bytes: &[u8]| drop(channel.send(bytes, &[], None));
        match mode {
            "honest" => end(&channel),
            "dies" => return 7,
            "is-silent" => {}
            "says-nothing-known" => say(&[99]),
            "says-nothing" => say(&[]),
            "says-more-than-one-thing" => say(&[ended(&[0]), vec![1]].concat()),
            "floods-nonsense" => loop {
                if channel.send(&[99; 4096], &[], None).is_err() {
                    return 1;
                }
            },
            "floods-items" => loop {
                let many: Vec<Vec<u8>> = (0..100).map(|_| output("same", 0)).collect();
                if channel.send(&items(&many), &[], None).is_err() {
                    return 1;
                }
            },
            "leaves-too-many-outputs" => {
                for first in 0..20u8 {
                    let many: Vec<Vec<u8>> = (0..100u8)
                        .map(|second| output(&format!("o{first:03}{second:03}"), 0))
                        .collect();
                    say(&items(&many));
                }
                end(&channel);
            }
            "leaves-unsorted-outputs" => {
                say(&items(&[output("b", 0), output("a", 0)]));
                end(&channel);
            }
            "leaves-an-output-outside" => {
                say(&items(&[output("../../outside", 0)]));
                end(&channel);
            }
            "leaves-more-content-than-it-says" => {
                // Two chunks for a content of one byte: `Chunks(Bytes([x]))` twice.
                say(&items(&[
                    output("a", 1),
                    vec![2, 1, 1, 7],
                    vec![2, 1, 1, 7],
                ]));
                end(&channel);
            }
            "leaves-content-without-output" => {
                say(&items(&[vec![2, 0, 1]]));
                end(&channel);
            }
            "leaves-an-endless-output" => {
                // `Output { bytes: u64::MAX }`, and `Chunks(Zeros(u32::MAX))`.
                let mut endless = output("a", 0);
                endless.pop();
                endless.extend([0xff; 9]);
                endless.push(1);
                say(&items(&[endless, vec![2, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]]));
                end(&channel);
            }
            "used-more-than-it-may" => {
                let mut message = vec![ENDED, 0, 0];
                // `instructions: u64::MAX`, and nothing else.
                message.extend([0xff; 9]);
                message.extend([1, 0, 0, 0]);
                message.extend([0; 4]);
                message.extend([0; 7]);
                message.push(0);
                message.extend([0; 2]);
                say(&message);
            }
            "says-models-that-do-not-add-up" => {
                let mut message = ended(&[0]);
                // One model of one byte, and all models together of none.
                message.truncate(message.len() - 3);
                message.push(1);
                message.extend([9; 32]);
                message.push(1);
                message.extend([0; 7]);
                message.extend([0; 2]);
                say(&message);
            }
            "says-more-than-it-may" => {
                // `Said(Stdout(..))` of a mebibyte, until somebody minds.
                let mut message = vec![1, 3, 0x80, 0x80, 0x40];
                message.extend(vec![b'x'; 1 << 20]);
                while channel.send(&message, &[], None).is_ok() {}
                return 1;
            }
            "ends-for-no-known-reason" => say(&ended(&[2, 3, b'w', b'h', b'y'])),
            "sends-descriptors" => {
                let null = std::io::stderr();
                let handle = std::os::fd::AsFd::as_fd(&null);
                drop(channel.send(&ended(&[0]), &[handle], None));
            }
            "cuts-a-frame-short" => {
                // A header that promises a megabyte, and nothing after it.
                let socket = std::fs::File::from(channel.into_descriptor());
                let _ = (&socket).write_all(&[1, 0, 0, 0, 0, 0, 16, 0]);
                std::thread::sleep(Duration::from_millis(20));
                return 0;
            }
            _ => return 2,
        }
    }
    0
}

fn compiler(mut channel: Channel, mode: &str) -> u8 {
    let Ok(Some(frame)) = channel.receive(None) else {
        return 1;
    };
    let mut files = frame.descriptors.into_iter().map(std::fs::File::from);
    let (_program, artefact) = (files.next(), files.next());
    let Some(mut artefact) = artefact else {
        return 1;
    };
    match mode {
        "compiles-nothing" => return 9,
        "compiles-for-ever" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "says-it-compiled-more" => {
            let _ = artefact.write_all(b"artefact");
            drop(channel.send(&[0, 9], &[], None));
        }
        _ => {
            let _ = artefact.write_all(b"artefact");
            drop(channel.send(&[0, 8], &[], None));
        }
    }
    0
}
