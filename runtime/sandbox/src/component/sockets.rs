//! `wasi:sockets`: there is no network. Whatever would use it is answered as the standard says of what
//! is not supported, so that programs which only might use it run. All of it is linked, and priced,
//! because standard libraries import it.

use wasmtime::Result;
use wasmtime::component::{Linker, Val};

use super::Linking;
use crate::host::Host;
use crate::host_calls::INTERFACES;
use crate::tally::HostEnd;

/// A network that leads nowhere.
struct Network;

/// A lookup of a name, of which there is none: no value of this type is ever made.
enum ResolveAddressStream {}

/// A socket, of which there is none.
enum TcpSocket {}

/// A socket, of which there is none.
enum UdpSocket {}

/// The receiving half of a socket, of which there is none.
enum IncomingDatagramStream {}

/// The sending half of a socket, of which there is none.
enum OutgoingDatagramStream {}

/// An error of the interface, by its name.
fn error(code: &str) -> Val {
    Val::Result(Err(Some(Box::new(Val::Enum(code.into())))))
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:sockets/network")?.resource::<Network>("network")?;
    Linking::of(linker, "wasi:sockets/instance-network")?
        .function("instance-network", |host: &mut Host, (): ()| {
            Ok((host.open(Network)?,))
        })?;
    let mut lookup = Linking::of(linker, "wasi:sockets/ip-name-lookup")?;
    lookup.resource::<ResolveAddressStream>("resolve-address-stream")?;
    lookup.function_with_values("resolve-addresses", |host, values| {
        if let [_, Val::String(name)] = values {
            host.bytes_out(name.len())?;
        }
        Ok(Some(error("name-unresolvable")))
    })?;
    Linking::of(linker, "wasi:sockets/tcp")?.resource::<TcpSocket>("tcp-socket")?;
    Linking::of(linker, "wasi:sockets/tcp-create-socket")?
        .function_with_values("create-tcp-socket", |_, _| Ok(Some(error("not-supported"))))?;
    Linking::of(linker, "wasi:sockets/udp")?
        .resource::<UdpSocket>("udp-socket")?
        .resource::<IncomingDatagramStream>("incoming-datagram-stream")?
        .resource::<OutgoingDatagramStream>("outgoing-datagram-stream")?;
    Linking::of(linker, "wasi:sockets/udp-create-socket")?
        .function_with_values("create-udp-socket", |_, _| Ok(Some(error("not-supported"))))?;

    // What takes a socket can never be reached.
    for interface in INTERFACES {
        if !interface.name.starts_with("wasi:sockets/") {
            continue;
        }
        let mut linking = Linking::of(linker, interface.name)?;
        for (name, _) in interface.functions {
            if name.starts_with("[method]") {
                linking.function_with_values(name, |_, _| {
                    Err(HostEnd::Trap("a socket that was never given").into())
                })?;
            }
        }
    }
    Ok(())
}
