import type { Logger } from 'pino';
import { type AnchorEvent, AnchorQueue, fileAnchor, webhookAnchor } from '../audit/anchor.ts';
import { type CheckpointEvent, Checkpointer } from '../audit/checkpointer.ts';
import { type IndexEvent, Indexer } from '../audit/index/indexer.ts';
import type { Loss, ToldHeads } from '../audit/merge.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Metrics } from '../metrics/registry.ts';

const anchorMilliseconds = 5_000;

export interface KeeperParts {
  readonly storeId: string;
  readonly hsm: Pick<Hsm, 'trailSign' | 'trailPublicKey'>;
  /** Of every process of the node that writes a stream now, by slot; `undefined` for one that doesn't answer. */
  readonly heads: () => Promise<ToldHeads>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the primary does for all streams of the trail: checkpoints, the anchors that get them, and the index. */
export class TrailKeeper {
  readonly #checkpointer: Checkpointer;
  readonly #anchors: readonly AnchorQueue[];
  readonly #indexer: Indexer;

  constructor({ folder, anchor }: Config['trail'], parts: KeeperParts) {
    const { storeId, hsm, heads, metrics, clock, log } = parts;
    const hear = (event: AnchorEvent) => tellAnchor(event, metrics, log);
    this.#anchors = [
      ...(anchor.file === undefined ? [] : [new AnchorQueue(fileAnchor(anchor.file), hear)]),
      ...(anchor.webhook === undefined ? [] : [new AnchorQueue(webhookAnchor(anchor.webhook), hear)]),
    ];
    this.#checkpointer = new Checkpointer({
      folder,
      storeId,
      clock,
      sign: (data) => hsm.trailSign(data),
      publicKey: () => hsm.trailPublicKey(),
      heads,
      offer: (line) => {
        for (const queue of this.#anchors) queue.offer(line);
      },
      onEvent: (event) => tellCheckpoint(event, metrics, log),
    });
    this.#indexer = new Indexer({ folder, onEvent: (event) => tellIndex(event, log) });
  }

  start(): void {
    this.#checkpointer.start();
    this.#indexer.start();
  }

  /** A stream has begun another segment. */
  rotated(): void {
    this.#checkpointer.hurry();
  }

  /** Signs over the ends of all streams: call when every writer is closed. */
  async close(): Promise<void> {
    await this.#indexer.close();
    await this.#checkpointer.close();
    await Promise.all(this.#anchors.map((queue) => queue.close(anchorMilliseconds)));
  }
}

function tellCheckpoint(event: CheckpointEvent, metrics: Metrics, log: Logger): void {
  switch (event.type) {
    case 'taken':
      metrics.trailCheckpoint('signed');
      log.debug({ number: event.checkpoint.number }, 'signed a checkpoint of the trail');
      break;
    case 'failed':
      metrics.trailCheckpoint('failed');
      log.error(
        { err: event.cause },
        'no checkpoint of the trail can be signed or written: it is tried again, see to the token and its key',
      );
      break;
    case 'recovered':
      log.info('checkpoints of the trail are signed again');
      break;
    case 'loss':
      metrics.trailCheckpoint('loss');
      tellLoss(event.loss, log);
      break;
  }
}

function tellLoss(loss: Loss, log: Logger): void {
  const advice = 'run `coffer trail verify`, and keep what is there as it is';
  const { slot } = loss;
  switch (loss.type) {
    case 'vanished':
      log.fatal(
        { slot, stream: loss.signed.stream, sequence: loss.signed.sequence },
        `a stream of the trail that was signed is gone: put its folder back. ${advice}`,
      );
      break;
    case 'cut-back':
      log.fatal(
        { slot, stream: loss.signed.stream, signed: loss.signed.sequence, found: loss.found.sequence },
        `a stream of the trail has lost lines that were signed: ${advice}`,
      );
      break;
    case 'unreadable':
      log.error({ slot, err: loss.cause }, `a stream of the trail can't be read: ${advice}`);
      break;
  }
}

function tellAnchor(event: AnchorEvent, metrics: Metrics, log: Logger): void {
  const { anchor } = event;
  switch (event.type) {
    case 'failed':
      metrics.trailCheckpoint('unanchored');
      log.error(
        { anchor, reason: event.reason },
        'the anchor takes no checkpoints: they wait, see to the mount or the webhook',
      );
      break;
    case 'recovered':
      log.info({ anchor }, 'the anchor takes checkpoints again');
      break;
    case 'dropped':
      log.error(
        { anchor, lines: event.lines },
        'too many checkpoints wait for the anchor: gave up the oldest',
      );
      break;
  }
}

function tellIndex(event: IndexEvent, log: Logger): void {
  if (event.type === 'recovered') log.info('the index of the trail is written again');
  else
    log.error({ err: event.cause }, 'the index of the trail can not be written: looking events up is slow');
}
