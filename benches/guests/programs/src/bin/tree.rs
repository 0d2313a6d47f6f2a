//! Binary trees, each node allocated by itself: built, mutated, dropped.
#![no_main]

use programs::{Random, mix};

#[derive(Default)]
struct Node {
    key: u32,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
}

fn insert(mut place: &mut Option<Box<Node>>, key: u32) {
    while let Some(node) = place {
        place = if key < node.key {
            &mut node.left
        } else {
            &mut node.right
        };
    }
    *place = Some(Box::new(Node {
        key,
        ..Node::default()
    }));
}

fn full(depth: u32, key: u32) -> Option<Box<Node>> {
    (depth > 0).then(|| {
        Box::new(Node {
            key,
            left: full(depth - 1, key * 2),
            right: full(depth - 1, key * 2 + 1),
        })
    })
}

fn sum(node: &Option<Box<Node>>) -> u64 {
    node.as_ref().map_or(0, |node| {
        u64::from(node.key) + sum(&node.left) * 3 + sum(&node.right)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(13);
    let mut checksum = 0;
    for _ in 0..n {
        let mut root = None;
        for _ in 0..2_000 {
            insert(&mut root, random.next());
        }
        let full = full(11, 1);
        checksum = mix(checksum, sum(&root) + sum(&full));
    }
    checksum
}
