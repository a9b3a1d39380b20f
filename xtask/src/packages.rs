//! Others' packages of npm, each in one version. Knows nothing of what is done with them.

use crate::npm::Package;

/// A WebSocket client.
pub const WS: Package = Package {
    name: "ws",
    version: "8.23.0",
    integrity: "sha512-wCkmX8QMOrKjgO8HW2WyDbTSGeqkocxgDzS9iR79rEAexty6/2qzilx3Ag8Tqf9ykop3irLKle0MtVn5qjVnoQ==",
    with: &[],
};
/// A Socket.IO server.
pub const SOCKET_IO: Package = Package {
    name: "socket.io",
    version: "4.8.4",
    integrity: "sha512-9ZV9zg8vN8hO3Y25DhR7nUkJ1VDnBhq5O/JrXhFT9s6+F0gqytSASTHVfCFc2mJXaTfARroErplXlzFWwETZqQ==",
    with: &[],
};
/// The official Socket.IO client, and what it speaks with.
pub const SOCKET_IO_CLIENT: Package = Package {
    name: "socket.io-client",
    version: "4.8.4",
    integrity: "sha512-7wjKAvVXYOJsbmUgkWbnhPD4bFpkqrUR0++XOjpGFmqDqsqV1CI93VTraeExLxpjxEqrWgFoSRZu1ihjLWfkAA==",
    with: &[
        (
            "engine.io-client",
            "sha512-DPN6+2uNi3A2cbSR3gqJepLVOnSQmbaJT4USgU+TgGPczEqLQT0i6t05jHrf4TT6rcxABrGp/1As0FyqwIZlGg==",
        ),
        (
            "socket.io-parser",
            "sha512-IH/iSeO9T6gz1KkFleGDWkG9N3dl4jXVYUtMhIqH10Md0ttMer8nUNWiP1DKuNrybD2xBrixLJdCC9J6ECoYkg==",
        ),
    ],
};
