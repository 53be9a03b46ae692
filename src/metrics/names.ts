/** Every metric's name, help and labels, in one place: dashboards and alarms depend on them. */
export const names = {
  requests: {
    name: 'coffer_requests_total',
    help: 'Answered requests by operation and error code (`none` where there was no error).',
  },
  requestSeconds: {
    name: 'coffer_request_seconds',
    help: 'From the last byte of the request to the answer, by operation.',
  },
  unauthenticated: {
    name: 'coffer_unauthenticated_requests_total',
    help: 'Requests refused before it was known whose they are, by error code.',
  },
  tokenSeconds: { name: 'coffer_token_seconds', help: 'How long calls to the token tier took.' },
  hostRestarts: {
    name: 'coffer_token_host_restarts',
    help: 'How often the supervisor has started a token host again, by host.',
  },
  rotations: {
    name: 'coffer_rotations_total',
    help: 'Rotations that came due, by outcome: `rotated`, `failed` (tried again: alarm on many).',
  },
  mostEncryptions: {
    name: 'coffer_most_encryptions',
    help: 'What the current key material that has encrypted most may have done, of 4294967296: alarm above 3221225472.',
  },
  materialExpires: {
    name: 'coffer_imported_material_expires_seconds',
    help: 'Until the next imported key material expires and its key stops working; absent where none does. Alarm below what importing it again takes; below 0 it could not be deleted.',
  },
  missingObjects: {
    name: 'coffer_missing_objects_total',
    help: 'Requests that needed a token object that the store knows and the token has lost. Alarm on any.',
  },
  trailFlushes: {
    name: 'coffer_trail_flushes_total',
    help: "Flushes of the trail by outcome: `written`, `unsigned` (without the token's MAC: alarm on many), `failed`.",
  },
  trailCheckpoints: {
    name: 'coffer_trail_checkpoints_total',
    help: 'Checkpoints by outcome: `signed` (one a minute at least), and what began to go wrong: `failed`, `unanchored`, `loss`. Alarm on any `loss`.',
  },
  trailFlushSeconds: { name: 'coffer_trail_flush_seconds', help: 'How long a flush of the trail took.' },
  trailFlushRecords: { name: 'coffer_trail_flush_records', help: 'How many records shared a flush.' },
} as const;

/** Seconds: from half a millisecond to ten seconds. */
export const latencyBuckets = [
  0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Records a flush. */
export const groupBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];
