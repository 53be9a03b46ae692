import type { Logger } from 'pino';
import type { StreamHead } from '../audit/checkpoint.ts';
import type { TrailEvent } from '../audit/event.ts';
import { openTrail, type TrailWriter } from '../audit/writer.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { connectHsm } from '../hsm/client.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Metrics } from '../metrics/registry.ts';

/** What more than one kind of process is made of. */

/** Attaches to the token tier of the configuration. */
export function connectToken({ token }: Config, log: Logger): Hsm {
  const { socketFolder, hosts, deadlineMilliseconds } = token;
  return connectHsm({ socketFolder, hosts, deadlineMilliseconds, log });
}

/** Opens a process's stream of the trail. @throws TrailError */
export function openStream(
  { trail }: { readonly trail: Pick<Config['trail'], 'folder' | 'segmentBytes'> },
  slot: string,
  parts: {
    readonly hsm: Pick<Hsm, 'trailMac'>;
    readonly metrics: Metrics;
    readonly clock: Clock;
    readonly log: Logger;
    readonly onRotated: () => void;
  },
): Promise<TrailWriter> {
  const { hsm, metrics, clock, log, onRotated } = parts;
  return openTrail({
    folder: trail.folder,
    slot,
    segmentBytes: trail.segmentBytes,
    mac: (data) => hsm.trailMac(data),
    clock,
    onFlush: ({ outcome, records, milliseconds, unsigned }) => {
      const written = unsigned === undefined ? 'written' : 'unsigned';
      metrics.trailFlush(outcome === 'durable' ? written : 'failed', records, milliseconds / 1000);
    },
    onEvent(event) {
      if (event.type === 'unsigned' && event.reason === 'missing-object') metrics.missingObject();
      if (event.type === 'rotated') onRotated();
      tell(event, log);
    },
  });
}

/** The last durable line of a process's stream, if there is one. */
export function headOf(slot: string, { streamId, segment, head }: TrailWriter): StreamHead | undefined {
  return head.sequence === 0 ? undefined : { slot, stream: streamId, segment, ...head };
}

function tell(event: TrailEvent, log: Logger): void {
  switch (event.type) {
    case 'failed':
      log.error({ err: event.error }, 'the trail can not be written: requests fail until it can');
      break;
    case 'stalled':
      log.error({ err: event.error }, 'the disk of the trail hangs: requests fail until it answers');
      break;
    case 'recovered':
      log.info('the trail can be written again');
      break;
    case 'unsigned':
      log.error(
        { reason: event.reason },
        'the trail is written without MACs: see to the token and its trail key',
      );
      break;
    case 'signed':
      log.info('the trail has MACs again');
      break;
    case 'rotated':
      log.debug({ segment: event.segment }, 'began another segment of the trail');
      break;
    case 'cut':
      log.warn(
        { bytes: event.bytes, sha256: event.sha256 },
        'the trail ended in a line that was not whole: it is cut off',
      );
      break;
  }
}
