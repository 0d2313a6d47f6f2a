//! A stack machine that interprets its own bytecode: one `br_table` for each instruction.
#![no_main]

#[derive(Clone, Copy)]
enum Op {
    Push(u64),
    Load(u8),
    Store(u8),
    Add,
    Multiply,
    Remainder,
    ShiftRight,
    Less,
    Jump(usize),
    JumpIfZero(usize),
    Halt,
}

/// Counts in register 1 the steps of the Collatz sequences of all numbers below register 0.
const PROGRAM: [Op; 37] = [
    Op::Push(1),
    Op::Store(2), // candidate = 1
    Op::Load(2),  // 2: while candidate < limit
    Op::Load(0),
    Op::Less,
    Op::JumpIfZero(36),
    Op::Load(2),
    Op::Store(3), // value = candidate
    Op::Push(1),  // 8: while 1 < value
    Op::Load(3),
    Op::Less,
    Op::JumpIfZero(31),
    Op::Load(3), // if value is odd
    Op::Push(2),
    Op::Remainder,
    Op::JumpIfZero(22),
    Op::Load(3), // 3 * value + 1
    Op::Push(3),
    Op::Multiply,
    Op::Push(1),
    Op::Add,
    Op::Jump(25),
    Op::Load(3), // 22: else value / 2
    Op::Push(1),
    Op::ShiftRight,
    Op::Store(3), // 25: is the value
    Op::Load(1),
    Op::Push(1),
    Op::Add,
    Op::Store(1),
    Op::Jump(8),
    Op::Load(2), // 31: the next candidate
    Op::Push(1),
    Op::Add,
    Op::Store(2),
    Op::Jump(2),
    Op::Halt,
];

struct Machine {
    stack: Vec<u64>,
    registers: [u64; 4],
}

impl Machine {
    fn pop(&mut self) -> u64 {
        self.stack.pop().expect("the program pushes what it pops")
    }

    fn binary(&mut self, operation: fn(u64, u64) -> u64) {
        let (right, left) = (self.pop(), self.pop());
        self.stack.push(operation(left, right));
    }

    #[inline(never)]
    fn run(&mut self, program: &[Op]) {
        let mut next = 0;
        loop {
            let op = program[next];
            next += 1;
            match op {
                Op::Push(value) => self.stack.push(value),
                Op::Load(register) => self.stack.push(self.registers[usize::from(register)]),
                Op::Store(register) => self.registers[usize::from(register)] = self.pop(),
                Op::Add => self.binary(u64::wrapping_add),
                Op::Multiply => self.binary(u64::wrapping_mul),
                Op::Remainder => self.binary(|left, right| left % right),
                Op::ShiftRight => self.binary(|left, right| left >> (right & 63)),
                Op::Less => self.binary(|left, right| u64::from(left < right)),
                Op::Jump(to) => next = to,
                Op::JumpIfZero(to) => {
                    if self.pop() == 0 {
                        next = to;
                    }
                }
                Op::Halt => return,
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut machine = Machine {
        stack: Vec::with_capacity(16),
        registers: [u64::from(n), 0, 0, 0],
    };
    machine.run(&PROGRAM);
    machine.registers[1]
}
