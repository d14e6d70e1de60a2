use crate::{cli::DoctorArgs, failure::Failure, print::Report};
pub fn run(_: &DoctorArgs, _: bool) -> Result<Report, Failure> {
    Ok(Report::silent())
}
