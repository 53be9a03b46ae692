import { hash } from 'node:crypto';
import { KmsError } from '../errors.ts';

/** Opaque to clients: where a list goes on. Bound to its operation and to what was listed. */
function checksum(operation: string, subject: string, after: string): string {
  return hash('sha256', `coffer marker\n${operation}\n${subject}\n${after}`, 'base64url').slice(0, 12);
}

/** @param subject what is being listed besides the operation (an account, a key) */
export function writeMarker(operation: string, subject: string, after: string): string {
  return checksum(operation, subject, after) + Buffer.from(after, 'utf8').toString('base64url');
}

/** @throws KmsError InvalidMarkerException where it is not a marker of this very list */
export function readMarker(operation: string, subject: string, marker: string): string {
  const after = Buffer.from(marker.slice(12), 'base64url').toString('utf8');
  if (writeMarker(operation, subject, after) !== marker) {
    throw new KmsError('InvalidMarkerException', `Could not deserialize marker '${marker}'`);
  }
  return after;
}
