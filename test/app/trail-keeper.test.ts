import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { parseCheckpointLine } from '../../src/audit/checkpoint.ts';
import { checkpointKeyName, checkpointsName } from '../../src/audit/checkpoint-file.ts';
import { verifyTrail } from '../../src/audit/proof/trail.ts';
import { type Service, startService } from '../service.ts';

describe('the trail of a node', function () {
  this.timeout(60_000);
  let service: Service;
  before(async () => {
    service = await startService({ workers: 2, hosts: 1, segmentBytes: 16_384 });
    // The anchor comes with the second start.
    await service.stop();
    const config = JSON.parse(readFileSync(service.configFile, 'utf8'));
    config.trail.anchor = { file: 'anchor.jsonl' };
    writeFileSync(service.configFile, JSON.stringify(config));
    await service.start();
  });
  after(() => service.remove());

  const anchor = () => join(service.folder, 'anchor.jsonl');
  const checkpoints = () =>
    readFileSync(join(service.trailFolder, checkpointsName), 'utf8')
      .split('\n')
      .flatMap((line) => parseCheckpointLine(Buffer.from(line))?.checkpoint ?? []);
  const until = async (true_: () => boolean) => {
    const end = performance.now() + 15_000;
    while (!true_() && performance.now() < end) await pause(50);
    expect(true_()).to.equal(true);
  };

  it('is signed at the start, when a file of it is closed, and at the end, and proves whole with its anchor', async () => {
    await until(() => globSync(anchor()).length > 0);
    const before = checkpoints().length;
    const client = service.client();
    const segments = () => globSync('*/000002.jsonl', { cwd: service.trailFolder }).length;
    while (segments() === 0) await client.listKeys({});
    await until(() => checkpoints().length > before);
    // While it is written to.
    const proof = { folder: service.trailFolder, anchor: anchor() };
    expect((await verifyTrail(proof)).findings).to.deep.equal([]);
    await client.listKeys({});
    await service.stop();
    const publicKey = readFileSync(join(service.trailFolder, checkpointKeyName));
    const report = await verifyTrail({ ...proof, publicKey });
    expect(report).to.deep.include({ verdict: 'whole', findings: [] });
    expect(report.anchor?.last).to.deep.equal(report.checkpoints?.last);
    // The last one is over all that was written.
    expect(report.streams.map(({ behind }) => behind)).to.deep.equal(report.streams.map(() => 0));
    expect(report.streams.map(({ slot }) => slot)).to.deep.equal(['primary', 'worker-1', 'worker-2']);
  });

  it('says so in log and metrics where a stream that was signed is gone', async () => {
    await service.stop();
    rmSync(join(service.trailFolder, 'worker-2'), { recursive: true });
    await service.start();
    await until(() =>
      service.log.some((line) => line.includes('a stream of the trail that was signed is gone')),
    );
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).to.match(/^coffer_trail_checkpoints_total\{outcome="loss"\} 1$/m);
    await service.stop();
    const { findings } = await verifyTrail({ folder: service.trailFolder });
    expect(findings.map(({ type }) => type)).to.deep.equal(['vanished']);
  });
});
