//! Planets that attract each other: structures of floats, square roots, short loops.
#![no_main]

#[derive(Clone, Copy)]
struct Body {
    position: [f64; 3],
    velocity: [f64; 3],
    mass: f64,
}

fn body(index: u32) -> Body {
    let at = f64::from(index);
    Body {
        position: [5.0 * at, 1.0 - 2.0 * at, 0.3 * at * at],
        velocity: [0.01 * at, 0.4 / (1.0 + at), 0.02],
        mass: 40.0 / (1.0 + 9.0 * at * at),
    }
}

fn advance(bodies: &mut [Body; 6], time: f64) {
    for i in 0..bodies.len() {
        for j in i + 1..bodies.len() {
            let mut apart = [0.0; 3];
            let mut square = 0.0;
            for axis in 0..3 {
                apart[axis] = bodies[i].position[axis] - bodies[j].position[axis];
                square += apart[axis] * apart[axis];
            }
            let magnitude = time / (square * square.sqrt());
            for axis in 0..3 {
                let (mass_i, mass_j) = (bodies[i].mass, bodies[j].mass);
                bodies[i].velocity[axis] -= apart[axis] * mass_j * magnitude;
                bodies[j].velocity[axis] += apart[axis] * mass_i * magnitude;
            }
        }
    }
    for body in bodies {
        for axis in 0..3 {
            body.position[axis] += time * body.velocity[axis];
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut bodies = [0, 1, 2, 3, 4, 5].map(body);
    for _ in 0..n {
        advance(&mut bodies, 0.001);
    }
    let sum: f64 = bodies.iter().flat_map(|body| body.position).sum();
    sum.to_bits()
}
