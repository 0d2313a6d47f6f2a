//! An interpreter of Brainfuck that looks for the brackets' partners as it goes.
#![no_main]

use programs::mix;

/// Squares from 0 up, as text.
const SQUARES: &[u8] = b"++++[>+++++<-]>[<+++++>-]+<+[>[>+>+<<-]++>>[<<+>>-]>>>[-]++>[-]+>>>+[[-]\
++++++>>>]<<<[[<++++++++<++>>-]+<.<[>----<-]<]<<[>>>>>[>>>[-]+++++++++<[>-<-]+++++++++>[-[<->-]+\
[<<<]]<[>+<-]>]<<-]<<-]";

/// Runs a program, and returns what it wrote and how many instructions it took.
fn interpret(program: &[u8]) -> (Vec<u8>, u64) {
    let mut tape = vec![0u8; 4_096];
    let mut output = Vec::new();
    let (mut at, mut cell, mut steps) = (0, 64, 0);
    while let Some(instruction) = program.get(at) {
        steps += 1;
        match instruction {
            b'>' => cell += 1,
            b'<' => cell -= 1,
            b'+' => tape[cell] = tape[cell].wrapping_add(1),
            b'-' => tape[cell] = tape[cell].wrapping_sub(1),
            b'.' => output.push(tape[cell]),
            b'[' if tape[cell] == 0 => at = partner(program, at, 1),
            b']' if tape[cell] != 0 => at = partner(program, at, -1),
            _ => {}
        }
        at += 1;
    }
    (output, steps)
}

/// The bracket that belongs to the one at `at`, in this direction.
fn partner(program: &[u8], mut at: usize, direction: isize) -> usize {
    let mut depth = 0;
    loop {
        match program[at] {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
        at = at.wrapping_add_signed(direction);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    (0..n).fold(0, |checksum, _| {
        let (output, steps) = interpret(SQUARES);
        mix(mix(checksum, steps), output.len() as u64)
    })
}
