// SPDX-License-Identifier: GPL-2.0-only

//! Compares a process before and after moves, and a guest with what home shows of it.

use anyhow::Result;

use crate::{snapshot::Snapshot, Node};

/// What is not the same at home while the process is away: its mappings there are windows.
const ONLY_AT_HOME: [&str; 1] = ["flags of mappings"];

/// What differs, in one text; nothing if nothing does.
type Differences = Option<String>;

/// The state of a process at home; of one that is away, without what home cannot know then.
pub(super) fn take(home: &Node, pid: i32, away: bool) -> Result<Snapshot> {
    let snapshot = Snapshot::take(home, pid)?;
    Ok(if away { snapshot.without(&ONLY_AT_HOME) } else { snapshot })
}

/// What has changed between two states of which the second may lack parts.
pub(super) fn changed(before: &Snapshot, after: &Snapshot, when: &str) -> Differences {
    if after.part("maps").is_empty() {
        return Some(format!("{when}: it is dead"));
    }
    let before = if after.part(ONLY_AT_HOME[0]).is_empty() {
        before.clone().without(&ONLY_AT_HOME)
    } else {
        before.clone()
    };
    let differences = without_stack(before.differences(after));
    (!differences.is_empty()).then(|| format!("{when}: {}", differences.join(" | ")))
}

/// The lines of a difference without those about the stack, which grows where the process is.
fn without_stack(differences: Vec<String>) -> Vec<String> {
    const SIZES: [&str; 3] = ["VmSize:", "VmStk:", "VmData:"];
    let is_title = |line: &String| line.ends_with(':') && !line.starts_with(' ');
    if !differences.iter().any(|line| line.ends_with("[stack]")) {
        return differences;
    }
    let grows = |line: &String| line.ends_with("[stack]") || SIZES.iter().any(|size| line.contains(size));
    let lines: Vec<String> = differences.into_iter().filter(|line| !grows(line)).collect();
    let followed = |index: usize| lines.get(index + 1).is_some_and(|next| !is_title(next));
    let kept = lines.iter().enumerate().filter(|(index, line)| !is_title(line) || followed(*index));
    kept.map(|(_, line)| line.clone()).collect()
}

/// Whether the guest at a host has the mappings, masks and actions that home believes it has.
pub(super) fn guest_differs(
    deputy: &Snapshot,
    home: &Node,
    host: &Node,
    pid: i32,
    when: &str,
) -> Result<Differences> {
    let guest = Snapshot::take_guest(host, home.id(), pid)?;
    if guest.is_empty() {
        return Ok(Some(format!("{when}: node {} shows no guest", host.id())));
    }
    let mut differences = Vec::new();
    let stack = deputy.part("maps").lines().find(|line| line.ends_with("[stack]"));
    let stack_end = stack.and_then(range).map(|(_, end)| end);
    let (at_home, there) = (areas(deputy.part("maps"), stack_end), areas(guest.part("maps"), stack_end));
    for area in at_home.iter().filter(|area| !there.contains(area)) {
        differences.push(format!("- {area}"));
    }
    for area in there.iter().filter(|area| !at_home.contains(area)) {
        differences.push(format!("+ {area}"));
    }
    for line in guest.part("status").lines() {
        let word = line.split_once(':').map_or(line, |(word, _)| word);
        let of_home = deputy.part("status").lines().find(|other| other.starts_with(&format!("{word}:")));
        if of_home != Some(line) {
            differences.push(format!("- {} + {line}", of_home.unwrap_or("nothing")));
        }
    }
    Ok((!differences.is_empty())
        .then(|| format!("{when}, guest and home differ: {}", differences.join(" | "))))
}

/// Addresses and protections of a process: neighbours with the same protections are one area. The stack, known
/// by its end, grows on its own at each node, so its beginning does not count.
fn areas(maps: &str, stack_end: Option<u64>) -> Vec<String> {
    let mut areas: Vec<(u64, u64, String)> = Vec::new();
    for line in maps.lines() {
        let Some((start, end)) = range(line) else { continue };
        let protection = line.split(' ').nth(1).unwrap_or_default().chars().take(3).collect::<String>();
        if line.contains("[v") {
            continue;
        }
        let start = if Some(end) == stack_end { 0 } else { start };
        match areas.last_mut() {
            Some((_, last, same)) if *last == start && *same == protection => *last = end,
            _ => areas.push((start, end, protection)),
        }
    }
    areas.into_iter().map(|(start, end, protection)| format!("{start:x}-{end:x} {protection}")).collect()
}

/// The addresses at the beginning of a line of `maps`.
fn range(line: &str) -> Option<(u64, u64)> {
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_merge_where_protections_agree() {
        let maps = "1000-2000 r--p 00000000 00:01 5 /a file\n2000-3000 r--s 00000000 00:00 0\n\
                    3000-4000 rw-p 00000000 00:00 0\n5000-6000 rw-p 00000000 00:00 0\n\
                    7000-8000 r-xp 00000000 00:00 0 [vdso]\n9000-a000 rw-p 00000000 00:00 0 [stack]\n";
        assert_eq!(
            areas(maps, Some(0xa000)),
            ["1000-3000 r--", "3000-4000 rw-", "5000-6000 rw-", "0-a000 rw-"]
        );
    }

    #[test]
    fn a_grown_stack_is_no_difference() {
        let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
        let grown =
            "maps:\n  - 1-3 rw-p [stack]\n  + 2-3 rw-p [stack]\nstatus:\n  - VmStk: 8 kB\n  + VmStk: 4 kB";
        assert_eq!(without_stack(lines(grown)), Vec::<String>::new());
        let more = format!("{grown}\n  - SigBlk: 0\n  + SigBlk: 1");
        assert_eq!(without_stack(lines(&more)), ["status:", "  - SigBlk: 0", "  + SigBlk: 1"]);
    }
}
