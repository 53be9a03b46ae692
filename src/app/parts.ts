import type { Logger } from 'pino';
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
  { trail }: Config,
  slot: string,
  parts: { readonly hsm: Hsm; readonly metrics: Metrics; readonly clock: Clock; readonly log: Logger },
): Promise<TrailWriter> {
  const { hsm, metrics, clock, log } = parts;
  return openTrail({
    folder: trail.folder,
    slot,
    segmentBytes: trail.segmentBytes,
    mac: (data) => hsm.trailMac(data),
    clock,
    onFlush: ({ outcome, records, milliseconds }) =>
      metrics.trailFlush(outcome === 'durable' ? 'written' : 'failed', records, milliseconds / 1000),
    onEvent: (event) => log.warn({ trail: event }, `the trail: ${event.type}`),
  });
}
