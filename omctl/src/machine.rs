// SPDX-License-Identifier: GPL-2.0-only

//! What the tools ask of the machine beside the module: its addresses, the names in `/etc/hosts`, chance.
//!
//! Names come from `/etc/hosts` alone, so that the tools can be linked statically and work without a network.
//! `OMCTL_ADDRESSES` (comma separated) and `OMCTL_HOSTS` (a file) stand in for both in tests.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;

/// The IPv4 addresses of this machine's interfaces that are not loopback.
pub fn addresses() -> io::Result<Vec<Ipv4Addr>> {
    if let Ok(list) = std::env::var("OMCTL_ADDRESSES") {
        return Ok(list.split(',').filter_map(|word| word.trim().parse().ok()).collect());
    }
    let addresses = getifaddrs()?.filter_map(|interface| interface.address?.as_sockaddr_in().map(|a| a.ip()));
    Ok(addresses.filter(|ip| !ip.is_loopback()).collect())
}

/// The IPv4 addresses that `/etc/hosts` gives a name.
pub fn addresses_of(name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let path = std::env::var_os("OMCTL_HOSTS").unwrap_or_else(|| "/etc/hosts".into());
    Ok(hosts(&std::fs::read_to_string(path)?, name))
}

fn hosts(text: &str, name: &str) -> Vec<Ipv4Addr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
        })
        .collect()
}

/// Random bytes from the kernel.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let text = "127.0.0.1 localhost\n10.0.0.2\tn2.example n2 # two\n10.1.0.2 N2\n::1 n2\n# 10.9.9.9 n2\n";
        let found = hosts(text, "n2");
        assert_eq!(found, [Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 1, 0, 2)]);
        assert!(hosts(text, "two").is_empty());
    }
}
