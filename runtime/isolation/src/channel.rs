//! Owns how frames travel between two processes: bytes and descriptors over a pair of sockets. Never
//! knows what a frame says, and trusts nothing that the other end wrote.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};

/// The version that every frame begins with.
pub const FRAME_VERSION: u16 = 1;
/// The longest payload of a frame. What is larger is handed over as a descriptor, which costs no copy.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// The most descriptors that one frame carries: below the kernel's 253 a message, and few enough that a
/// receiver can afford them from a peer that means harm.
pub const FRAME_DESCRIPTORS_MAX: usize = 64;

const HEADER_BYTES: usize = 8;
/// What one system call reads ahead: a small frame with its header, and usually the next ones too.
const READ_BYTES: usize = 16 << 10;
/// How far a payload's buffer may run ahead of the bytes that have arrived.
const GROWTH_BYTES: usize = 64 << 10;

/// One end of a connection that carries frames.
///
/// A frame arrives whole or not at all, in order. After any error of [`Channel::receive`] other than
/// [`ChannelError::DeadlinePassed`] the end is broken for receiving: where the next frame would begin is
/// unknown.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
    /// Whether a frame was left half sent. Held while one is sent, so that two never mix.
    sending: Mutex<bool>,
    receiving: Receiving,
}

/// What one [`Channel::receive`] gives.
#[derive(Debug, Default)]
pub struct Frame {
    /// The bytes.
    pub payload: Vec<u8>,
    /// The descriptors that came along, each closed on exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Why a frame was not sent or not received.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The payload is longer than [`FRAME_BYTES_MAX`]; nothing was sent, or the peer's header claims it.
    #[error("a frame of {bytes} bytes is larger than {FRAME_BYTES_MAX}")]
    TooLarge {
        /// The length asked for or claimed.
        bytes: usize,
    },
    /// More descriptors than a frame may carry, or this end takes; nothing was sent, or the peer's header
    /// claims it.
    #[error("{descriptors} descriptors are more than {descriptors_max}")]
    TooManyDescriptors {
        /// The number asked for or claimed.
        descriptors: usize,
        /// The bound.
        descriptors_max: usize,
    },
    /// The peer speaks another version.
    #[error("the peer's frame has version {found}, not {FRAME_VERSION}")]
    WrongVersion {
        /// What its header says.
        found: u16,
    },
    /// The peer closed in the middle of a frame.
    #[error("the peer closed within a frame")]
    CutShort,
    /// The header promises descriptors that did not come with it.
    #[error("a frame promised {promised} descriptors, {arrived} arrived")]
    MissingDescriptors {
        /// What the header says.
        promised: usize,
        /// What came.
        arrived: usize,
    },
    /// Descriptors came that no header announced. They were closed.
    #[error("{surplus} descriptors arrived that no frame announced")]
    SurplusDescriptors {
        /// How many.
        surplus: usize,
    },
    /// The kernel dropped descriptors: more than a frame may carry, or more than this process may open.
    #[error("descriptors were lost on the way")]
    LostDescriptors,
    /// The time given was up. What has arrived is kept: receiving may be tried again.
    #[error("the deadline passed")]
    DeadlinePassed,
    /// Nobody is there to receive.
    #[error("the peer is gone")]
    PeerGone,
    /// An earlier error left this end in the middle of a frame.
    #[error("an earlier error broke the channel")]
    Broken,
    /// The system refused.
    #[error("the channel's socket failed: {0}")]
    System(#[from] Errno),
}

/// What has been read and not yet handed out.
#[derive(Debug)]
struct Receiving {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Descriptors that arrived with bytes not yet parsed.
    arrived: VecDeque<OwnedFd>,
    frame: Option<Partial>,
    descriptors_max: usize,
    broken: bool,
}

/// A frame whose header has been read.
#[derive(Debug)]
struct Partial {
    length: usize,
    filled: usize,
    frame: Frame,
}

impl Channel {
    /// Two connected ends, closed on exec.
    pub fn pair() -> Result<(Self, Self), ChannelError> {
        let flags = SocketFlags::CLOEXEC;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok((Self::from(one), Self::from(other)))
    }

    /// How many descriptors a frame from the peer may carry, at most [`FRAME_DESCRIPTORS_MAX`], which is
    /// also what a new channel takes. More break the channel, and are closed.
    ///
    /// A peer that is not trusted should be allowed none: it could send its own end, which would then stay
    /// open when it dies, so that [`Channel::receive`] waits until its deadline.
    pub fn accept_descriptors(&mut self, descriptors_max: usize) {
        self.receiving.descriptors_max = descriptors_max.min(FRAME_DESCRIPTORS_MAX);
    }

    /// Another handle to this end, for a thread that sends while this one receives. Only one of the two may
    /// be used for sending, or frames mix; and only this one for receiving.
    pub fn sender(&self) -> Result<Self, ChannelError> {
        Ok(Self::from(rustix::io::fcntl_dupfd_cloexec(
            &self.socket,
            0,
        )?))
    }

    /// The socket itself. Bytes that were read ahead are lost.
    pub fn into_descriptor(self) -> OwnedFd {
        self.socket
    }

    /// Sends one frame, by one system call if it is small. Callable from several threads.
    ///
    /// A frame that was begun and could not be finished breaks the channel for sending.
    pub fn send(
        &self,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
    ) -> Result<(), ChannelError> {
        let header = header(payload.len(), descriptors.len())?;
        let mut broken = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if *broken {
            return Err(ChannelError::Broken);
        }
        let mut sent = 0;
        let total = HEADER_BYTES + payload.len();
        while sent < total {
            // They travel with the first byte.
            let along = if sent == 0 { descriptors } else { &[] };
            let rest = [
                IoSlice::new(header.get(sent..).unwrap_or_default()),
                IoSlice::new(&payload[sent.saturating_sub(HEADER_BYTES)..]),
            ];
            match self.send_some(&rest, along, deadline) {
                Ok(count) => sent += count,
                Err(error) => {
                    *broken = sent > 0;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Receives one frame. `None`: the peer closed, between two frames.
    ///
    /// Memory grows with what has arrived, never with what a header claims.
    pub fn receive(&mut self, deadline: Option<Instant>) -> Result<Option<Frame>, ChannelError> {
        if self.receiving.broken {
            return Err(ChannelError::Broken);
        }
        let result = self.receive_frame(deadline);
        if !matches!(result, Ok(_) | Err(ChannelError::DeadlinePassed)) {
            self.receiving.broken = true;
            self.receiving.arrived.clear();
            self.receiving.frame = None;
        }
        result
    }

    /// Whether [`Channel::receive`] may have something to give without the socket being readable.
    pub(crate) fn has_read_ahead(&self) -> bool {
        self.receiving.start != self.receiving.end
    }

    fn send_some(
        &self,
        rest: &[IoSlice<'_>],
        descriptors: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
    ) -> Result<usize, ChannelError> {
        let mut flags = SendFlags::NOSIGNAL;
        if deadline.is_some() {
            flags |= SendFlags::DONTWAIT;
        }
        loop {
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FRAME_DESCRIPTORS_MAX))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(descriptors));
            }
            match sendmsg(&self.socket, rest, &mut control, flags) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_until(self.socket.as_fd(), PollFlags::OUT, deadline)?,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(ChannelError::PeerGone),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn receive_frame(&mut self, deadline: Option<Instant>) -> Result<Option<Frame>, ChannelError> {
        loop {
            self.receiving.refuse_too_many()?;
            self.receiving.parse()?;
            if let Some(frame) = self.receiving.take_whole() {
                self.receiving.refuse_surplus()?;
                return Ok(Some(frame));
            }
            if self.read_some(deadline)? == 0 {
                return self.receiving.at_the_end();
            }
        }
    }

    /// One read: into the payload if its header is known, else into the buffer.
    fn read_some(&mut self, deadline: Option<Instant>) -> Result<usize, ChannelError> {
        let receiving = &mut self.receiving;
        // What is read from here on belongs to this frame until it is whole.
        if receiving.frame.is_some() && !receiving.arrived.is_empty() {
            let surplus = receiving.arrived.len();
            return Err(ChannelError::SurplusDescriptors { surplus });
        }
        let socket = self.socket.as_fd();
        let arrived = &mut receiving.arrived;
        match &mut receiving.frame {
            Some(partial) if partial.length - partial.filled > READ_BYTES => {
                let count = read(socket, partial.room(), arrived, deadline)?;
                partial.filled += count;
                Ok(count)
            }
            _ => {
                receiving
                    .buffer
                    .copy_within(receiving.start..receiving.end, 0);
                receiving.end -= receiving.start;
                receiving.start = 0;
                let room = &mut receiving.buffer[receiving.end..];
                let count = read(socket, room, arrived, deadline)?;
                receiving.end += count;
                Ok(count)
            }
        }
    }
}

impl From<OwnedFd> for Channel {
    fn from(socket: OwnedFd) -> Self {
        let receiving = Receiving {
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            arrived: VecDeque::new(),
            frame: None,
            descriptors_max: FRAME_DESCRIPTORS_MAX,
            broken: false,
        };
        Self {
            socket,
            sending: Mutex::new(false),
            receiving,
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Receiving {
    /// Moves what the buffer holds into the frame that is being read.
    fn parse(&mut self) -> Result<(), ChannelError> {
        if self.frame.is_none() && self.end - self.start >= HEADER_BYTES {
            let partial = self.parse_header()?;
            self.frame = Some(partial);
        }
        if let Some(partial) = &mut self.frame {
            let count = (partial.length - partial.filled).min(self.end - self.start);
            if count > 0 {
                // What was grown for bytes that have not come goes first.
                partial.frame.payload.truncate(partial.filled);
                let bytes = &self.buffer[self.start..self.start + count];
                partial.frame.payload.extend_from_slice(bytes);
                partial.filled += count;
                self.start += count;
            }
        }
        Ok(())
    }

    fn parse_header(&mut self) -> Result<Partial, ChannelError> {
        let bytes = &self.buffer[self.start..self.start + HEADER_BYTES];
        let found = u16::from_le_bytes([bytes[0], bytes[1]]);
        if found != FRAME_VERSION {
            return Err(ChannelError::WrongVersion { found });
        }
        let promised = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        let descriptors_max = self.descriptors_max;
        if promised > descriptors_max {
            return Err(ChannelError::TooManyDescriptors {
                descriptors: promised,
                descriptors_max,
            });
        }
        let length = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(ChannelError::TooLarge { bytes: length });
        }
        // They came with the header's first byte, or they do not come.
        let arrived = self.arrived.len();
        if arrived < promised {
            return Err(ChannelError::MissingDescriptors { promised, arrived });
        }
        self.start += HEADER_BYTES;
        let descriptors = self.arrived.drain(..promised).collect();
        let frame = Frame {
            payload: Vec::new(),
            descriptors,
        };
        Ok(Partial {
            length,
            filled: 0,
            frame,
        })
    }

    fn take_whole(&mut self) -> Option<Frame> {
        self.frame
            .take_if(|partial| partial.filled == partial.length)
            .map(|partial| {
                let mut frame = partial.frame;
                frame.payload.truncate(partial.filled);
                frame
            })
    }

    /// Two frames' worth is what one read can bring together; no header asks for more.
    fn refuse_too_many(&self) -> Result<(), ChannelError> {
        let surplus = self.arrived.len();
        if surplus > 2 * self.descriptors_max {
            return Err(ChannelError::SurplusDescriptors { surplus });
        }
        Ok(())
    }

    /// With nothing read ahead, descriptors that are left belong to no frame.
    fn refuse_surplus(&mut self) -> Result<(), ChannelError> {
        if self.start == self.end && !self.arrived.is_empty() {
            let surplus = self.arrived.len();
            return Err(ChannelError::SurplusDescriptors { surplus });
        }
        Ok(())
    }

    fn at_the_end(&self) -> Result<Option<Frame>, ChannelError> {
        if self.frame.is_some() || self.start != self.end {
            return Err(ChannelError::CutShort);
        }
        match self.arrived.len() {
            0 => Ok(None),
            surplus => Err(ChannelError::SurplusDescriptors { surplus }),
        }
    }
}

impl Partial {
    /// Room for more of the payload, at most about as much again as has arrived.
    fn room(&mut self) -> &mut [u8] {
        if self.frame.payload.len() == self.filled {
            let more = (self.length - self.filled).min(self.filled.max(GROWTH_BYTES));
            self.frame.payload.resize(self.filled + more, 0);
        }
        &mut self.frame.payload[self.filled..]
    }
}

fn header(bytes: usize, descriptors: usize) -> Result<[u8; HEADER_BYTES], ChannelError> {
    if descriptors > FRAME_DESCRIPTORS_MAX {
        let descriptors_max = FRAME_DESCRIPTORS_MAX;
        return Err(ChannelError::TooManyDescriptors {
            descriptors,
            descriptors_max,
        });
    }
    let length = u32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= FRAME_BYTES_MAX)
        .ok_or(ChannelError::TooLarge { bytes })?;
    let count = u16::try_from(descriptors).expect("at most 64");
    let mut header = [0; HEADER_BYTES];
    header[..2].copy_from_slice(&FRAME_VERSION.to_le_bytes());
    header[2..4].copy_from_slice(&count.to_le_bytes());
    header[4..].copy_from_slice(&length.to_le_bytes());
    Ok(header)
}

fn read(
    socket: BorrowedFd<'_>,
    room: &mut [u8],
    arrived: &mut VecDeque<OwnedFd>,
    deadline: Option<Instant>,
) -> Result<usize, ChannelError> {
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    loop {
        // Who waits within `recvmsg` is awakened by the kernel as well when the peer has read what was sent to it, for
        // nothing: whoever polls for bytes is not. There is hardly ever something yet, so nothing is tried before.
        wait_until(socket, PollFlags::IN, deadline)?;
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FRAME_DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(socket, &mut [IoSliceMut::new(room)], &mut control, flags);
        match received {
            Ok(message) => {
                for ancillary in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(descriptors) = ancillary {
                        arrived.extend(descriptors);
                    }
                }
                if message.flags.contains(ReturnFlags::CTRUNC) {
                    return Err(ChannelError::LostDescriptors);
                }
                return Ok(message.bytes);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            // The peer left without reading what was sent to it: it is gone all the same.
            Err(Errno::CONNRESET) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until `descriptor` is ready for `what`.
pub(crate) fn wait_until(
    descriptor: BorrowedFd<'_>,
    what: PollFlags,
    deadline: Option<Instant>,
) -> Result<(), ChannelError> {
    loop {
        let left = match deadline {
            None => None,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                Some(timespec(left))
            }
        };
        let mut descriptors = [PollFd::from_borrowed_fd(descriptor, what)];
        match poll(&mut descriptors, left.as_ref()) {
            Ok(0) => return Err(ChannelError::DeadlinePassed),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec {
        tv_sec,
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn memory_follows_what_arrived_not_what_was_claimed() {
        let (claimer, mut receiver) = Channel::pair().unwrap();
        let mut raw = std::fs::File::from(claimer.into_descriptor());
        raw.write_all(&header(FRAME_BYTES_MAX, 0).unwrap()).unwrap();
        let mut arrived = 0;
        for bytes in [0, 1, 100_000] {
            raw.write_all(&vec![7; bytes]).unwrap();
            arrived += bytes;
            let error = receiver.receive(Some(Instant::now())).unwrap_err();
            assert!(matches!(error, ChannelError::DeadlinePassed), "{error}");
            let partial = receiver.receiving.frame.as_ref().unwrap();
            assert_eq!(partial.filled, arrived);
            assert!(partial.frame.payload.capacity() <= 2 * arrived + GROWTH_BYTES);
        }
    }
}
