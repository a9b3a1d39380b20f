//! Writes a hash-chained audit trail
