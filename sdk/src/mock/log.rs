//! Log lines into the mock.

use crate::Level;

pub(crate) fn write(level: Level, message: &str) {
    super::with(|host| host.logs.push((level, message.to_owned())));
}
