//! Shortest paths between all nodes: a comparison in the innermost loop.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 100;

fn floyd_warshall(paths: &mut Matrix<N, N>) {
    for k in 0..N {
        for i in 0..N {
            for j in 0..N {
                let through = paths[i][k] + paths[k][j];
                paths[i][j] = if paths[i][j] < through {
                    paths[i][j]
                } else {
                    through
                };
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut paths = zeros::<N, N>();
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *paths, round);
        floyd_warshall(&mut paths);
        checksum += sum(&*paths);
    }
    checksum.to_bits()
}
