import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { type Service, startService } from '../service.ts';
import { noFacts, seeded } from './facts.ts';
import { startLoad } from './load.ts';
import { creationsSettled, readStore, readTrail, verifyService, verifyToken, verifyTrail } from './verify.ts';

const rounds = Number(process.env.COFFER_CRASH_ROUNDS ?? 30);
const seed = Number(process.env.COFFER_CRASH_SEED ?? Date.now() % 1_000_000);

describe('killed with -9 as a whole, again and again', () => {
  let service: Service;

  before(async function () {
    this.timeout(60_000);
    service = await startService({ workers: 2, hosts: 2, segmentBytes: 64 * 1024 });
    await service.kill9();
  });

  after(async () => {
    await service?.remove();
  });

  it(`keeps all that it acknowledged, through ${rounds} rounds (COFFER_CRASH_SEED=${seed})`, async function () {
    this.timeout(300_000);
    const random = seeded(seed);
    const facts = noFacts();
    const starts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const starting = service.start();
      // Some die while they start: recovery must survive its own crash.
      if (round % 6 === 5) {
        const served = starting.then(
          () => true,
          () => false,
        );
        await pause(random() * 1_000);
        await service.kill9();
        await served;
        continue;
      }
      starts.push(await starting);
      const client = service.client();
      const load = startLoad(client, facts, random, {
        actors: 8,
        // what a worker may still say while its hosts die around it
        refusals: ['KMSInternalException', 'DependencyTimeoutException'],
      });
      await pause(50 + random() * 600);
      await service.kill9();
      await load.ended;
      client.destroy();
    }
    starts.push(await service.start());
    const client = service.client();
    await verifyService(client, facts);
    await creationsSettled(service);
    expect(await service.stop()).to.equal(0);
    const rows = readStore(service.storeFile);
    verifyTrail(await readTrail(service.trailFolder), rows, facts);
    const shells = await verifyToken(service, rows);
    expect(shells).to.be.below(rounds);
    const median = starts.sort((a, b) => a - b)[Math.floor(starts.length / 2)] ?? 0;
    console.log(
      `      ${facts.answered.size} requests answered, ${facts.unanswered} not; ${facts.keys.size} keys, ` +
        `${facts.aliases.size} aliases, ${facts.ciphertexts.length} ciphertexts; ${shells} empty shells in the token; a start took ${median.toFixed(0)} ms`,
    );
    expect(facts.keys.size, 'the load did something').to.be.above(rounds);
  });
});
