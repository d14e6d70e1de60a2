// SPDX-License-Identifier: GPL-2.0-only

//! The sockets of `omdiscd`: one that hears the group, and one for each interface to speak on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use socket2::{Domain, Protocol, Socket, Type};

use super::message::LENGTH;
use crate::cli::OmdiscdArgs;
use crate::failure::{Code, Failure};

/// Where announcements go.
pub const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 54, 28), 5429);

pub struct Net {
    ear: UdpSocket,
    mouths: Vec<UdpSocket>,
    /// This node's address.
    pub own: Ipv4Addr,
}

impl Net {
    pub fn open(args: &OmdiscdArgs) -> Result<Self, Failure> {
        let addresses = addresses(args)?;
        let [own, ..] = addresses.as_slice() else { return Err(no_default(io::ErrorKind::NotFound.into())) };
        let failed = |error| {
            let next = "Is another program using UDP port 5429, or does the interface not do multicast (ip link set IFACE multicast on)?";
            Failure::new(Code::Refused, format!("unable to initialize network: {error}"), next)
        };
        let ear = ear(&addresses).map_err(failed)?;
        let mouths =
            addresses.iter().map(|&ip| mouth(ip, args.ttl)).collect::<io::Result<_>>().map_err(failed)?;
        Ok(Self { ear, mouths, own: *own })
    }

    /// Says something on every interface; the first failure is told after all were tried.
    pub fn say(&self, bytes: &[u8]) -> io::Result<()> {
        let sent: Vec<_> = self.mouths.iter().map(|mouth| mouth.send_to(bytes, GROUP)).collect();
        sent.into_iter().try_for_each(|result| result.map(drop))
    }

    /// Waits for a datagram. `None`: nothing came in that time.
    pub fn listen(&self, wait: Duration) -> io::Result<Option<(Vec<u8>, SocketAddr)>> {
        // A time-out of 0 would be none at all.
        self.ear.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        // One byte more, so that a longer one is seen to be longer.
        let mut buffer = [0; LENGTH + 1];
        match self.ear.recv_from(&mut buffer) {
            Ok((n, from)) => Ok(Some((buffer.get(..n).unwrap_or(&[]).to_vec(), from))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }
}

fn ear(addresses: &[Ipv4Addr]) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    // Bound to the group, it hears nothing else.
    socket.bind(&GROUP.into())?;
    for address in addresses {
        socket.join_multicast_v4(GROUP.ip(), address)?;
    }
    Ok(socket.into())
}

fn mouth(address: Ipv4Addr, ttl: u8) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&SocketAddrV4::new(address, 0).into())?;
    socket.set_multicast_if_v4(&address)?;
    socket.set_multicast_ttl_v4(u32::from(ttl))?;
    Ok(socket.into())
}

/// The addresses to speak from, this node's first.
fn addresses(args: &OmdiscdArgs) -> Result<Vec<Ipv4Addr>, Failure> {
    let mut all: Vec<Ipv4Addr> = Vec::new();
    for name in &args.interfaces {
        let known = interface(name).map_err(|error| {
            Failure::new(Code::Refused, format!("cannot list the interfaces of this machine: {error}"), "")
        })?;
        let Some(first) = known.first() else {
            let next = "See \"ip -4 address\": it must exist, be up and have an IPv4 address.";
            return Err(Failure::new(Code::Refused, format!("interface {name} has no address"), next));
        };
        all.push(args.address.filter(|wanted| all.is_empty() && known.contains(wanted)).unwrap_or(*first));
    }
    if all.is_empty() {
        all.push(args.address.map_or_else(default_address, Ok).map_err(no_default)?);
    }
    match args.address {
        Some(wanted) if all.first() != Some(&wanted) => {
            let what = format!("{wanted} is not an address of the first interface");
            Err(Failure::new(Code::Refused, what, "See \"ip -4 address\"."))
        }
        _ => Ok(all),
    }
}

fn interface(name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let of_it = getifaddrs()?.filter(|interface| interface.interface_name == name);
    let ips = of_it.filter_map(|interface| interface.address?.as_sockaddr_in().map(|address| address.ip()));
    Ok(ips.filter(|ip| !ip.is_loopback()).collect())
}

/// The address that the machine would speak to the group from. Nothing is sent for that.
fn default_address() -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(GROUP)?;
    match socket.local_addr()? {
        SocketAddr::V4(address) if !address.ip().is_unspecified() => Ok(*address.ip()),
        _ => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

fn no_default(error: io::Error) -> Failure {
    Failure::new(
        Code::Refused,
        format!("unable to determine the address of the default interface: {error}"),
        "This may happen because no default route is configured. Name an interface then: omdiscd -i IFACE.",
    )
}
