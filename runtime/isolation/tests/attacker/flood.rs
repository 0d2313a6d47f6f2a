//! Owns the ways to misuse the channel. Knows not the parent's defence.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use meterbox_isolation::{Channel, FRAME_BYTES_MAX, FRAME_VERSION};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

pub fn flood(channel: &Channel, kind: &str) -> u8 {
    let socket = channel.as_fd();
    let Ok(copy) = socket.try_clone_to_owned() else {
        return 4;
    };
    let mut raw = File::from(copy);
    let whole = u32::try_from(FRAME_BYTES_MAX).expect("it is small");
    let done = match kind {
        "wrong-version" => raw.write_all(&header(FRAME_VERSION + 1, 0, 0)),
        "giant" => raw.write_all(&header(FRAME_VERSION, 0, u32::MAX)),
        "one-too-long" => raw.write_all(&header(FRAME_VERSION, 0, whole + 1)),
        "too-many-announced" => raw.write_all(&header(FRAME_VERSION, 65, 0)),
        "missing-descriptors" => raw.write_all(&header(FRAME_VERSION, 1, 0)),
        // Stays, so that the other side waits for what never comes.
        "claims" => raw
            .write_all(&header(FRAME_VERSION, 0, whole))
            .and_then(|()| wait(&mut raw)),
        "half" => raw
            .write_all(&header(FRAME_VERSION, 0, whole))
            .and_then(|()| raw.write_all(&vec![1; 100_000]))
            .and_then(|()| wait(&mut raw)),
        "cut" => raw
            .write_all(&header(FRAME_VERSION, 0, 100))
            .and_then(|()| raw.write_all(b"x")),
        "cut-header" => raw.write_all(&[1, 0, 0]),
        "stream" => loop {
            if raw.write_all(&[0x41; 4096]).is_err() {
                return 5;
            }
        },
        "endless-frames" => loop {
            if raw.write_all(&header(FRAME_VERSION, 0, 0)).is_err() {
                return 5;
            }
        },
        "deaf" => loop {
            std::thread::park();
        },
        "surplus" => with_descriptors(socket, &header(FRAME_VERSION, 0, 0), 3),
        "unannounced" => with_descriptors(socket, &header(FRAME_VERSION, 2, 0), 40),
        "more-than-a-frame" => with_descriptors(socket, &header(FRAME_VERSION, 64, 0), 200),
        // Each byte of a frame with as many descriptors as one message takes.
        "thousands" => header(FRAME_VERSION, 64, 100)
            .into_iter()
            .chain([0; 92])
            .try_for_each(|byte| with_descriptors(socket, &[byte], 60)),
        _ => return 6,
    };
    if done.is_ok() { 0 } else { 5 }
}

fn header(version: u16, descriptors: u16, length: u32) -> [u8; 8] {
    let mut header = [0; 8];
    header[..2].copy_from_slice(&version.to_le_bytes());
    header[2..4].copy_from_slice(&descriptors.to_le_bytes());
    header[4..].copy_from_slice(&length.to_le_bytes());
    header
}

fn wait(raw: &mut File) -> std::io::Result<()> {
    raw.read(&mut [0]).map(drop)
}

fn with_descriptors(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    count: usize,
) -> Result<(), std::io::Error> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(200))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = vec![socket; count];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let bytes = [std::io::IoSlice::new(bytes)];
    // The kernel counts what a user has on the way, and tests run side by side.
    for _ in 0..1000 {
        match sendmsg(socket, &bytes, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::TOOMANYREFS) => std::thread::sleep(Duration::from_millis(1)),
            result => return Ok(result.map(drop)?),
        }
    }
    Err(Errno::TOOMANYREFS.into())
}
