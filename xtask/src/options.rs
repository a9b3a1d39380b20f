//! What every task takes that looks at a daemon. Knows no task.

use crate::npm::Cache;
use crate::tollgate::Binary;

/// Most clients: as many follow one host live.
pub const MAX_CLIENTS: i64 = 256;

/// Which Tollgate, where others' programs are kept, and how what was found is said.
#[derive(Debug, clap::Args)]
pub struct Common {
    #[command(flatten)]
    pub binary: Binary,
    #[command(flatten)]
    pub cache: Cache,
    /// JSON on standard output, one object a line
    #[arg(long)]
    pub json: bool,
}
