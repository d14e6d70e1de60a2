// SPDX-License-Identifier: GPL-2.0-only

//! Peers that are not what they say, or say what cannot be.

use std::time::Duration;

use anyhow::{ensure, Result};

use crate::{
    openmosix::{to, Joined, KEY, MAP},
    scenario::{own, shared, Scenario},
    Cluster, Program, Root,
};

pub fn all() -> Vec<Scenario> {
    let small = || Cluster::builder().nodes(2).memory_mb(256).root(Root::None);
    vec![
        shared("security/garbage", garbage),
        own("security/wrong-key", small(), |cluster| wrong_key(cluster)),
        own("security/no-key", small(), |cluster| no_key(cluster)),
    ]
}

/// Sends nonsense to the ports of node 2: noise, huge lengths, beginnings of frames, idle connections.
const GARBAGE: &str = r#"
import os, random, socket, struct
noise = random.Random(1)
host = "10.77.0.2"
def connect():
    return socket.create_connection((host, 2901), 10)
def attempt(data):
    s = connect()
    try:
        s.sendall(data)
        s.settimeout(0.2)
        greeting = s.recv(4096)
    except OSError:
        greeting = b""
    s.close()
    return greeting
greeting = attempt(b"")
for n in range(60):
    attempt(noise.randbytes(noise.choice([1, 7, 16, 64, 1000, 70000])))
for n in range(60):
    # What the other side said, with something wrong in it.
    copy = bytearray(greeting or b"\0" * 64)
    for change in range(noise.randrange(1, 4)):
        copy[noise.randrange(len(copy))] = noise.choice([0, 1, 0x7f, 0x80, 0xff])
    attempt(bytes(copy) + noise.randbytes(noise.randrange(100)))
for length in (0xffffffff, 0x7fffffff, 1 << 24, 0):
    for order in "<>":
        attempt((greeting[:8] or b"") + struct.pack(order + "I", length) * 8)
idle = []
for n in range(200):
    try:
        idle.append(connect())
    except OSError:
        break
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(500):
    udp.sendto(noise.randbytes(noise.randrange(1400)), (host, 5428))
print("idle connections:", len(idle))
"#;

fn garbage(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    // A guest that must not notice.
    let program = Program::start(home, "memsum -m 2")?;
    home.migrate(program.pid(), to(2))?;
    home.command(&["python3", "-c", GARBAGE]).time_limit(Duration::from_secs(180)).run()?.expect_success()?;
    program.advance(2)?;
    ensure!(home.where_is(program.pid())? == 2, "the guest was lost");
    let second = Program::start(home, "memsum -m 2")?;
    home.migrate(second.pid(), to(2))?;
    second.advance(1)?;
    let complaints = cluster.node(2).kernel_log()?.text.matches("openmosix:").count();
    ensure!(complaints < 200, "nonsense makes {complaints} lines in the kernel log");
    second.finish()?;
    program.finish()
}

fn wrong_key(cluster: &Cluster) -> Result<()> {
    cluster.load_and_join()?;
    let (home, other) = (cluster.node(1), cluster.node(2));
    let wrong = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    other.write_mode(KEY, wrong, 0o600)?;
    other.sh(&format!("omctl setpe -off; omctl setpe -w -f {MAP}"))?;
    let program = Program::start(home, "memsum -m 1")?;
    let output = home.try_migrate(program.pid(), to(2))?.expect_failure()?;
    ensure!(output.error_text().contains("key"), "`migrate` does not say why: {output}");
    ensure!(other.guests()?.is_empty(), "a guest came without the key");
    program.advance(1)?;
    let theirs = Program::start(other, "memsum -m 1")?;
    other.try_migrate(theirs.pid(), to(1))?.expect_failure()?;
    theirs.advance(1)?;
    // With the right key all is well.
    other.sh("omctl setpe -off")?;
    other.join(&cluster.map())?;
    home.migrate(program.pid(), to(2))?;
    program.advance(1)?;
    theirs.finish()?;
    program.finish()
}

/// Without a key a node joins only if it is told that its network is trusted.
fn no_key(cluster: &Cluster) -> Result<()> {
    cluster.load_module()?;
    for node in cluster.nodes() {
        node.write(MAP, cluster.map())?;
        node.run(&format!("omctl setpe -w -f {MAP}"))?.expect_failure()?;
        node.sh(&format!("omctl setpe -w --trusted -f {MAP}"))?;
        ensure!(node.kernel_log()?.text.contains("trust"), "nothing in the log says that links are trusted");
    }
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 1")?;
    home.migrate(program.pid(), to(2))?;
    program.advance(1)?;
    program.finish()
}
