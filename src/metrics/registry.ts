import {
  AggregatorRegistry,
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { ErrorCode } from '../errors.ts';
import { groupBuckets, latencyBuckets, names } from './names.ts';

/** One process's metrics as plain data, to be sent to the process that answers a scrape. */
export type MetricsSnapshot = MetricObjectWithValues<MetricValue<string>>[];

export interface Metrics {
  /**
   * @param operation any text: what is no operation counts as `unknown`
   * @param error `none` where there was no error
   * @param seconds from the last byte of the request to the answer
   */
  request(operation: string | undefined, error: ErrorCode | 'none', seconds: number): void;
  /** A request refused before it was known whose it is. */
  unauthenticated(error: ErrorCode): void;
  /** A call to the token tier. */
  tokenCall(seconds: number): void;
  /** @param restarts the total that the supervisor tells */
  hostRestarts(host: number, restarts: number): void;
  /** A token object that the store knows is not there. */
  missingObject(): void;
  trailFlush(outcome: 'written' | 'failed', records: number, seconds: number): void;
  snapshot(): Promise<MetricsSnapshot>;
}

interface OperationMetrics {
  readonly latency: Histogram.Internal<'operation'>;
  readonly answers: Map<string, Counter.Internal>;
}

/** @param operations every name that may stand in a label: what a caller sends must not make new series */
export function createMetrics(operations: Iterable<string>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({ ...names.requests, labelNames: ['operation', 'error'], registers });
  const requestSeconds = new Histogram({
    ...names.requestSeconds,
    labelNames: ['operation'],
    buckets: latencyBuckets,
    registers,
  });
  const unauthenticated = new Counter({ ...names.unauthenticated, labelNames: ['error'], registers });
  const tokenSeconds = new Histogram({ ...names.tokenSeconds, buckets: latencyBuckets, registers });
  // Every worker tells what the one supervisor counts: the highest is the newest.
  const hostRestarts = new Gauge({
    ...names.hostRestarts,
    labelNames: ['host'],
    aggregator: 'max',
    registers,
  });
  const missingObjects = new Counter({ ...names.missingObjects, registers });
  const trailFlushes = new Counter({ ...names.trailFlushes, labelNames: ['outcome'], registers });
  const trailFlushSeconds = new Histogram({ ...names.trailFlushSeconds, buckets: latencyBuckets, registers });
  const trailFlushRecords = new Histogram({ ...names.trailFlushRecords, buckets: groupBuckets, registers });

  const forOperation = (operation: string): OperationMetrics => ({
    latency: requestSeconds.labels(operation),
    answers: new Map([['none', requests.labels(operation, 'none')]]),
  });
  const unknown = forOperation('unknown');
  const known = new Map<string, OperationMetrics>();
  for (const operation of operations) known.set(operation, forOperation(operation));

  return {
    request(operation, error, seconds) {
      const name = operation !== undefined && known.has(operation) ? operation : 'unknown';
      const { latency, answers } = known.get(name) ?? unknown;
      latency.observe(seconds);
      let counter = answers.get(error);
      if (counter === undefined) {
        counter = requests.labels(name, error);
        answers.set(error, counter);
      }
      counter.inc();
    },
    unauthenticated: (error) => unauthenticated.inc({ error }),
    tokenCall: (seconds) => tokenSeconds.observe(seconds),
    hostRestarts: (host, restarts) => hostRestarts.set({ host: String(host) }, restarts),
    missingObject: () => missingObjects.inc(),
    trailFlush(outcome, records, seconds) {
      trailFlushes.inc({ outcome });
      trailFlushRecords.observe(records);
      trailFlushSeconds.observe(seconds);
    },
    snapshot: () => registry.getMetricsAsJSON(),
  };
}

/** Adds up what the processes of a node counted. @returns Prometheus's text format 0.0.4 */
export function aggregate(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate([...snapshots]).metrics();
}
