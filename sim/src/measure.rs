// SPDX-License-Identifier: GPL-2.0-only

//! What a run amounts to.

use serde::Serialize;

/// The result of a run. Counts are of the measured time, which begins when the cluster has filled.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Policy.
    pub policy: String,
    /// Nodes.
    pub nodes: usize,
    /// Jobs measured: those that began in the measured time, ended or not.
    pub jobs: usize,
    /// Mean of: time it took / time alone on a standard processor.
    pub slowdown: f64,
    /// Of 100 jobs, 95 have a lower one.
    pub slowdown_95: f64,
    /// Mean over time of the largest number of jobs per standard processor.
    pub crowding_max: f64,
    /// Mean over time and nodes of it.
    pub crowding_mean: f64,
    /// Mean over time of the standard deviation between nodes.
    pub crowding_deviation: f64,
    /// Percent of all processor time that was idle while elsewhere jobs waited for one.
    pub wasted: f64,
    /// Moves per job.
    pub moves_per_job: f64,
    /// Most moves of one job.
    pub moves_most: u16,
    /// log2 of the number of nodes, to compare with.
    pub log2_nodes: f64,
    /// Per cent of the requests to take a process that were refused.
    pub refused: f64,
    /// Load messages per node and second.
    pub messages: f64,
    /// Bytes of these per node and second, with their headers.
    pub bytes: f64,
    /// Most messages that one node got in one second.
    pub messages_most: u32,
    /// Mean and longest time after which no node would choose a dead one any more, in s; 0 if none died.
    pub noticed_mean: f64,
    /// See `noticed_mean`.
    pub noticed_most: f64,
    /// Mean time after which somebody knows of a node that came back, in s; 0 if none did.
    pub known_again: f64,
    /// Jobs that ended with a machine.
    pub lost: usize,
    /// Seconds the run took.
    pub took: f64,
    /// Crowding every second: largest, mean.
    #[serde(skip)]
    pub history: Vec<(f64, f64)>,
}

/// Sums up slowdowns.
#[derive(Default)]
pub struct Slowdowns {
    all: Vec<f32>,
    moves: u64,
    most: u16,
}

impl Slowdowns {
    /// One job: the time it took, and would have taken alone.
    pub fn add(&mut self, took: f64, ideal: f64, moves: u16) {
        self.all.push((took / ideal) as f32);
        self.moves += u64::from(moves);
        self.most = self.most.max(moves);
    }

    /// Into the outcome.
    pub fn report(mut self, outcome: &mut Outcome) {
        let jobs = self.all.len();
        outcome.jobs = jobs;
        if jobs == 0 {
            return;
        }
        outcome.slowdown = self.all.iter().map(|&s| f64::from(s)).sum::<f64>() / jobs as f64;
        let (_, &mut at, _) = self.all.select_nth_unstable_by(jobs * 95 / 100, f32::total_cmp);
        outcome.slowdown_95 = at.into();
        outcome.moves_per_job = self.moves as f64 / jobs as f64;
        outcome.moves_most = self.most;
    }
}
