// SPDX-License-Identifier: GPL-2.0-only

//! The tools against a machine made of plain files.

mod documents;
mod joining;
mod machine;
mod processes;
mod settings;
mod views;
