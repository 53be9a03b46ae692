import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Bench } from './fixture.ts';

const appender = fileURLToPath(new URL('./appender.ts', import.meta.url));

describe('a trail whose writer is killed', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  /** Kills the appender once it has acknowledged so many records. @returns all it acknowledged */
  async function killAfter(records: number): Promise<string[]> {
    const child = spawn(process.execPath, [appender, bench.folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(child, 'close');
    let output = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      output += text;
      if (output.length >= records * 37) child.kill('SIGKILL');
    });
    const [code, signal] = await closed;
    expect({ code, signal }).to.deep.equal({ code: null, signal: 'SIGKILL' });
    return output.split('\n').filter((id) => id.length === 36);
  }

  it('holds every acknowledged record once, round after round, in one whole chain', async function () {
    this.timeout(60_000);
    const acknowledged: string[] = [];
    for (let round = 0; round < 8; round += 1) acknowledged.push(...(await killAfter(1 + 37 * round)));
    const writer = await bench.open();
    expect(await bench.verify()).to.deep.include({ type: 'whole', stream: writer.streamId, uncovered: 0 });
    const counts = new Map<string, number>();
    for (const id of await bench.eventIds()) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect(acknowledged.length).to.be.greaterThan(1000);
    expect(acknowledged.filter((id) => counts.get(id) !== 1)).to.deep.equal([]);
    expect([...counts.values()].every((count) => count === 1)).to.equal(true);
  });
});
