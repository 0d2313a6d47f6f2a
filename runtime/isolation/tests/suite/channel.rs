//! Channels, between threads of one process and against workers that misuse them.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use meterbox_isolation::{
    Channel, ChannelError, Ending, FRAME_BYTES_MAX, FRAME_DESCRIPTORS_MAX, Layers,
};

use crate::fixture::{runner, says, shortly, soon, zygote};

#[test]
fn frames_arrive_whole_and_in_order() {
    let (one, mut other) = Channel::pair().unwrap();
    let lengths = [
        0,
        1,
        8,
        16_375,
        16_376,
        16_377,
        65_536,
        1_000_003,
        FRAME_BYTES_MAX,
    ];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (index, length) in lengths.into_iter().enumerate() {
                let byte = u8::try_from(index).unwrap();
                one.send(&vec![byte; length], &[], soon()).unwrap();
            }
        });
        for (index, length) in lengths.into_iter().enumerate() {
            let frame = other.receive(soon()).unwrap().expect("a frame");
            assert_eq!(frame.payload.len(), length);
            assert!(frame.payload.iter().all(|byte| usize::from(*byte) == index));
            // It keeps what it needs and not much more.
            assert!(frame.payload.capacity() <= 2 * length + (64 << 10));
        }
    });
    drop(one);
    assert!(other.receive(soon()).unwrap().is_none());
}

#[test]
fn descriptors_arrive_with_their_own_frame() {
    let (one, mut other) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    for count in [0, 1, 0, 0, 64, 64, 3, 0] {
        one.send(b"some", &vec![null.as_fd(); count], soon())
            .unwrap();
    }
    for count in [0, 1, 0, 0, 64, 64, 3, 0] {
        let frame = other.receive(soon()).unwrap().expect("a frame");
        assert_eq!(frame.descriptors.len(), count);
        for descriptor in &frame.descriptors {
            let flags = rustix::io::fcntl_getfd(descriptor).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
    }
}

#[test]
fn what_is_too_large_is_not_sent() {
    let (one, mut other) = Channel::pair().unwrap();
    let too_long = vec![0; FRAME_BYTES_MAX + 1];
    let error = one.send(&too_long, &[], None).unwrap_err();
    assert!(matches!(error, ChannelError::TooLarge { bytes } if bytes == FRAME_BYTES_MAX + 1));
    let too_many = vec![other.as_fd(); FRAME_DESCRIPTORS_MAX + 1];
    let error = one.send(b"", &too_many, None).unwrap_err();
    assert!(matches!(
        error,
        ChannelError::TooManyDescriptors {
            descriptors: 65,
            ..
        }
    ));
    // Neither has harmed the channel.
    one.send(b"well", &[], None).unwrap();
    assert_eq!(other.receive(soon()).unwrap().unwrap().payload, b"well");
}

#[test]
fn a_peer_that_does_not_read_is_given_up_at_the_deadline() {
    let (one, other) = Channel::pair().unwrap();
    let error = one
        .send(&vec![0; FRAME_BYTES_MAX], &[], shortly())
        .unwrap_err();
    assert!(matches!(error, ChannelError::DeadlinePassed), "{error}");
    // Half a frame lies there now.
    let error = one.send(b"", &[], shortly()).unwrap_err();
    assert!(matches!(error, ChannelError::Broken), "{error}");
    drop(other);
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_no_signal() {
    let (one, other) = Channel::pair().unwrap();
    drop(other);
    let error = one.send(b"anyone?", &[], None).unwrap_err();
    assert!(matches!(error, ChannelError::PeerGone), "{error}");
}

#[test]
fn receiving_goes_on_after_a_deadline() {
    let (ours, mut other) = Channel::pair().unwrap();
    let mut raw = File::from(ours.into_descriptor());
    for part in [&[1, 0, 0][..], &[0, 3, 0, 0, 0], b"ab"] {
        raw.write_all(part).unwrap();
        let error = other.receive(shortly()).unwrap_err();
        assert!(matches!(error, ChannelError::DeadlinePassed), "{error}");
    }
    raw.write_all(b"c").unwrap();
    assert_eq!(other.receive(soon()).unwrap().unwrap().payload, b"abc");
}

#[test]
fn a_header_cut_anywhere_still_gets_its_descriptors() {
    let (one, mut other) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    // Makes every later header lie across the end of the reader's buffer at some point.
    for length in 16_300..16_400 {
        one.send(&vec![0; length], &[], soon()).unwrap();
        one.send(b"x", &[null.as_fd()], soon()).unwrap();
        one.send(b"y", &[null.as_fd(), null.as_fd()], soon())
            .unwrap();
        for count in [0, 1, 2] {
            assert_eq!(
                other.receive(soon()).unwrap().unwrap().descriptors.len(),
                count
            );
        }
    }
}

#[test]
fn malformed_frames_are_refused_by_name() {
    let zygote = zygote(Layers::ALL);
    let mut bystander = runner(&zygote);
    let before = open_descriptors();
    for (kind, expected) in [
        ("wrong-version", "version"),
        ("giant", "larger than"),
        ("one-too-long", "larger than"),
        ("too-many-announced", "65 descriptors are more"),
        ("missing-descriptors", "promised 1 descriptors, 0 arrived"),
        ("cut", "closed within"),
        ("cut-header", "closed within"),
        ("stream", "version"),
        ("surplus", "3 descriptors arrived that no frame announced"),
        (
            "unannounced",
            "38 descriptors arrived that no frame announced",
        ),
        ("more-than-a-frame", "lost on the way"),
        (
            "none-taken thousands",
            "60 descriptors arrived that no frame announced",
        ),
        (
            "none-taken missing-descriptors",
            "1 descriptors are more than 0",
        ),
        (
            "none-taken surplus",
            "3 descriptors arrived that no frame announced",
        ),
        ("claims", "deadline"),
        ("half", "deadline"),
        ("deaf", "deadline"),
    ] {
        let mut worker = runner(&zygote);
        let kind = match kind.split_once(' ') {
            Some((_, kind)) => kind,
            None => {
                worker.channel().accept_descriptors(FRAME_DESCRIPTORS_MAX);
                kind
            }
        };
        worker
            .channel()
            .send(format!("flood {kind}").as_bytes(), &[], soon())
            .unwrap();
        let wait = if expected == "deadline" {
            shortly()
        } else {
            soon()
        };
        let error = worker.channel().receive(wait).unwrap_err();
        assert!(error.to_string().contains(expected), "{kind}: {error}");
        if expected != "deadline" {
            let error = worker.channel().receive(soon()).unwrap_err();
            assert!(matches!(error, ChannelError::Broken), "{kind}: {error}");
        }
    }
    says(&mut bystander, "untroubled");
    assert_eq!(
        open_descriptors(),
        before,
        "every descriptor that was sent is closed again"
    );
}

#[test]
fn endless_frames_cost_one_at_a_time() {
    let zygote = zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    worker
        .channel()
        .send(b"flood endless-frames", &[], soon())
        .unwrap();
    for _ in 0..10_000 {
        assert!(
            worker
                .channel()
                .receive(soon())
                .unwrap()
                .unwrap()
                .payload
                .is_empty()
        );
    }
    worker.kill();
    assert_eq!(worker.exit(soon()).unwrap(), Ending::Killed { signal: 9 });
}

#[test]
fn a_worker_that_does_not_read_cannot_hold_its_parent_up() {
    let zygote = zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    worker.channel().send(b"flood deaf", &[], soon()).unwrap();
    let began = Instant::now();
    let error = worker
        .channel()
        .send(&vec![0; FRAME_BYTES_MAX], &[], shortly())
        .unwrap_err();
    assert!(matches!(error, ChannelError::DeadlinePassed), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_worker_killed_within_a_frame_leaves_half_a_frame() {
    let zygote = zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    worker.channel().send(b"flood half", &[], soon()).unwrap();
    assert!(matches!(
        worker.channel().receive(shortly()),
        Err(ChannelError::DeadlinePassed)
    ));
    worker.kill();
    let error = worker.channel().receive(soon()).unwrap_err();
    assert!(matches!(error, ChannelError::CutShort), "{error}");
    assert_eq!(worker.exit(soon()).unwrap(), Ending::Killed { signal: 9 });
    // The same while it is in the middle of a send that cannot go on.
    let mut worker = runner(&zygote);
    worker.channel().send(b"large", &[], soon()).unwrap();
    wait_until_readable(&worker.channel().as_fd().try_clone_to_owned().unwrap());
    worker.kill();
    worker.exit(soon()).unwrap();
    let error = worker.channel().receive(soon()).unwrap_err();
    assert!(matches!(error, ChannelError::CutShort), "{error}");
}

fn wait_until_readable(socket: &OwnedFd) {
    let mut descriptors = [rustix::event::PollFd::new(
        socket,
        rustix::event::PollFlags::IN,
    )];
    rustix::event::poll(&mut descriptors, None).unwrap();
}

/// Sockets, pipes and the like of this test's thread cannot be told from those of other tests' threads;
/// what a worker sends is its own channel, many times over.
fn open_descriptors() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut many = std::collections::BTreeMap::<_, usize>::new();
    for target in entries.filter_map(|entry| std::fs::read_link(entry.path()).ok()) {
        if target.to_string_lossy().starts_with("socket:") {
            *many.entry(target).or_default() += 1;
        }
    }
    // A channel's end is open once, in its owner; more means that copies were kept.
    many.into_values().filter(|count| *count > 2).count()
}

#[test]
fn a_channel_is_closed_on_exec() {
    let (one, _other) = Channel::pair().unwrap();
    let socket = one.into_descriptor();
    assert!(socket.as_raw_fd() > 2);
    let flags = rustix::io::fcntl_getfd(&socket).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}
