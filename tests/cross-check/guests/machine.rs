//! A guest: interpreters, recursion, and calls through tables.

/// A machine of a few operators, with a program that counts primes.
#[unsafe(no_mangle)]
pub extern "C" fn interprets(limit: u32) -> u32 {
    #[derive(Clone, Copy)]
    enum Op {
        Set(usize, u32),
        Add(usize, usize),
        Rem(usize, usize, usize),
        Copy(usize, usize),
        JumpIfZero(usize, usize),
        JumpIfBelow(usize, usize, usize),
        Jump(usize),
        Stop,
    }
    let program = [
        Op::Set(0, 2),
        Op::Set(1, 1),
        Op::Set(5, 2),
        Op::Copy(2, 5),
        Op::JumpIfBelow(2, 0, 6),
        Op::Jump(10),
        Op::Rem(3, 0, 2),
        Op::JumpIfZero(3, 11),
        Op::Add(2, 1),
        Op::Jump(4),
        Op::Add(4, 1),
        Op::Add(0, 1),
        Op::JumpIfBelow(0, 6, 3),
        Op::Stop,
    ];
    let mut registers = [0u32; 8];
    registers[6] = limit.min(400);
    let mut at = 0;
    loop {
        let op = program[at];
        at += 1;
        match op {
            Op::Set(to, value) => registers[to] = value,
            Op::Add(to, from) => registers[to] += registers[from],
            Op::Rem(to, a, b) => registers[to] = registers[a] % registers[b],
            Op::Copy(to, from) => registers[to] = registers[from],
            Op::JumpIfZero(of, to) if registers[of] == 0 => at = to,
            Op::JumpIfBelow(a, b, to) if registers[a] < registers[b] => at = to,
            Op::JumpIfZero(..) | Op::JumpIfBelow(..) => {}
            Op::Jump(to) => at = to,
            Op::Stop => return registers[4],
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn fibonacci(n: u32) -> u64 {
    fn of(n: u32) -> u64 {
        if n < 2 {
            u64::from(n)
        } else {
            of(n - 1) + of(n - 2)
        }
    }
    of(n % 19)
}

#[unsafe(no_mangle)]
pub extern "C" fn ackermann(n: u32) -> u32 {
    fn of(m: u32, n: u32) -> u32 {
        match (m, n) {
            (0, n) => n + 1,
            (m, 0) => of(m - 1, 1),
            (m, n) => of(m - 1, of(m, n - 1)),
        }
    }
    of(2, n % 40)
}

trait Shape {
    fn area(&self, scale: u32) -> u64;
}
struct Square(u32);
struct Strip(u32, u32);
struct Pair(Box<dyn Shape>, Box<dyn Shape>);
impl Shape for Square {
    fn area(&self, scale: u32) -> u64 {
        u64::from(self.0) * u64::from(self.0) * u64::from(scale)
    }
}
impl Shape for Strip {
    fn area(&self, scale: u32) -> u64 {
        u64::from(self.0 ^ scale) * u64::from(self.1)
    }
}
impl Shape for Pair {
    fn area(&self, scale: u32) -> u64 {
        self.0.area(scale + 1) ^ self.1.area(scale)
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn shapes(count: u32) -> u64 {
    let shape = |at: u32| -> Box<dyn Shape> {
        match at % 3 {
            0 => Box::new(Square(at)),
            1 => Box::new(Strip(at, at / 2)),
            _ => Box::new(Pair(Box::new(Square(at)), Box::new(Strip(at, 3)))),
        }
    };
    let shapes: Vec<_> = (0..count).map(shape).collect();
    shapes
        .iter()
        .zip(1..)
        .map(|(shape, scale)| shape.area(scale))
        .fold(0, u64::wrapping_add)
}
