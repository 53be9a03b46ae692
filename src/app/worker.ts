import pino from 'pino';
import { Lookup } from '../audit/lookup.ts';
import type { TrailWriter } from '../audit/writer.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { KmsError } from '../errors.ts';
import { sealingAad } from '../identity/credential.ts';
import { sessionKeys } from '../identity/session-keys.ts';
import { signingKeys } from '../identity/signing-keys.ts';
import { unknownToken } from '../identity/sigv4/claim.ts';
import type { FindSigner } from '../identity/sigv4/verify.ts';
import { Encryptions } from '../keys/encryptions.ts';
import { HsmError } from '../keys/hsm.ts';
import { KeyUses } from '../keys/uses.ts';
import { createMetrics } from '../metrics/registry.ts';
import { internalError, toKmsError } from '../operations/failure.ts';
import { createPipeline } from '../operations/pipeline.ts';
import { metricNames } from '../operations/table.ts';
import { regionsOf } from '../service.ts';
import { cachedRepository } from '../store/cache.ts';
import { openStoreReader } from '../store/sqlite/open.ts';
import { createApp } from '../wire/app.ts';
import { type Listening, listen } from '../wire/server.ts';
import { Lease } from './lease.ts';
import { connectToken, headOf, openStream } from './parts.ts';
import { PrimaryLink } from './primary-link.ts';
import { readiness } from './readiness.ts';
import { RefusalSampler, Sampler } from './sampler.ts';
import { observeToken } from './token-metrics.ts';
import { handOverMilliseconds } from './use-recorder.ts';

/** An API process: serves requests, owns one stream of the trail, reads the store, asks the primary to change it. */
export async function runWorker(config: Config, slot: string): Promise<void> {
  const log = pino({ level: config.log.level, base: { process: slot } }, pino.destination(2));
  const clock = systemClock;
  const lease = new Lease(clock);
  const reader = await openStoreReader(config.store.file);
  const keys = cachedRepository(reader);
  const metrics = createMetrics(metricNames);
  const connected = connectToken(config, log);
  const hsm = observeToken(connected, metrics);
  const credentials = signingKeys({
    identities: keys,
    derive: ({ accessKeyId, principal, sealedSecret }, date, region, service) =>
      hsm.deriveSigningKey(
        sealingAad(accessKeyId, principal.principalId),
        sealedSecret,
        date,
        region,
        service,
      ),
  });
  const sessions = sessionKeys({
    identities: keys,
    clock,
    async derive(aad, sealedSecret, { date, region, service }) {
      try {
        return await hsm.deriveSigningKey(aad, sealedSecret, date, region, service);
      } catch (cause) {
        if (cause instanceof HsmError && cause.kind === 'invalid-ciphertext') throw unknownToken();
        throw toKmsError(cause);
      }
    },
  });
  const signer: FindSigner = (credential) =>
    (credential.sessionToken === undefined ? credentials : sessions).find(credential);
  const primary = new PrimaryLink({
    lease,
    metrics,
    take(invalidation) {
      keys.invalidate(invalidation);
      credentials.invalidate(invalidation.credentials);
    },
    head: () => own && headOf(slot, own),
    takeUses: () => uses.take(),
    reload: () => listening?.reload(),
    close: () => void close(),
  });
  const uses = new KeyUses(reader, () => primary.gatherUses());
  const handOver = () => {
    const taken = uses.take();
    return taken.length === 0 ? Promise.resolve() : primary.sayLast({ type: 'uses', uses: taken });
  };
  setInterval(() => void handOver(), handOverMilliseconds).unref();
  let listening: Listening | undefined;
  let own: TrailWriter | undefined;
  const trail = await openStream(config, slot, {
    hsm,
    metrics,
    clock,
    log,
    onRotated: () => primary.say({ type: 'rotated' }),
  });
  own = trail;
  const alarms = new Sampler(clock, { perSecond: 1, burst: 5 });
  const pipeline = createPipeline({
    keys,
    identities: keys,
    hsm,
    changes: primary,
    events: new Lookup(config.trail.folder),
    regions: regionsOf(config.region),
    encryptions: new Encryptions(primary),
    uses,
    clock,
    trail,
    alarm(detail) {
      metrics.missingObject();
      if (alarms.take()) {
        log.fatal(
          { detail },
          'the token has lost an object that the store knows: restore the token from its backup',
        );
      }
    },
    fresh: () => (lease.held ? undefined : fresh()),
  });

  /** Nothing is answered from a cache that may have missed a change. */
  async function fresh(): Promise<void> {
    if (!(await lease.wait())) throw internalError('the primary has not been heard of');
  }

  const refusals = new RefusalSampler(clock, async (id) => (await keys.findAccessKey(id)) !== undefined);

  const app = createApp({
    region: config.region,
    clock,
    metrics,
    log,
    signer: (credential) => (lease.held ? signer(credential) : fresh().then(() => signer(credential))),
    dispatch: (call) => pipeline.dispatch(call),
    async refused(refusal, error: KmsError) {
      const unrecorded = refusal.principal === undefined ? await refusals.take(refusal.accessKeyId) : 0;
      if (unrecorded === undefined) return;
      await pipeline.refused(unrecorded > 0 ? { ...refusal, unrecorded } : refusal, error);
    },
    ready: () => readiness({ hsm, reader, trail, lease }),
    scrape: () => primary.scrape(),
  });
  listening = await listen(app, { ...config.listen, log });
  primary.say({ type: 'listening', url: listening.url });

  async function close(): Promise<void> {
    await listening?.close();
    await handOver();
    await trail.close();
    await hsm.close();
    await reader.close();
    process.exit(0);
  }
}
