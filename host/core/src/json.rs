//! The JSON edge: envelopes, calls and verdicts to and from JSON text. The only file of the core that knows their wire names.
