import { expect } from 'chai';
import { errorCode, okCode } from '../../src/hsm/answer.ts';
import { Connection } from '../../src/hsm/connection.ts';
import { operationCodes } from '../../src/hsm/request.ts';
import { type Hsm, HsmError, type HsmErrorKind } from '../../src/keys/hsm.ts';
import { answer, type Frame, Hosts } from './host.ts';

async function kindOf(promise: Promise<unknown>): Promise<HsmErrorKind | 'ok'> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    if (error instanceof HsmError) return error.kind;
    throw error;
  }
}

/** Resolves when the client is attached: it then has an answer of each host. */
async function settled(hsm: Hsm): Promise<void> {
  for (;;) {
    const { hosts } = await hsm.checkHealth();
    if (hosts.every(({ connected }) => connected)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const healthy = ({ id }: Frame) => answer(okCode, id, Buffer.from('{"restarts":0}'));
const eight = Buffer.from('12345678');

describe('a client of the token tier', () => {
  let hosts: Hosts;
  beforeEach(() => {
    hosts = new Hosts();
  });
  afterEach(() => hosts.close());

  it('waits two seconds for a host, and then says that there is none', async () => {
    const started = performance.now();
    expect(await kindOf(hosts.connect(2).random(8))).to.equal('unavailable');
    expect(performance.now() - started).to.be.within(1_900, 2_500);
  });

  it('sends what waited as soon as a host is there', async () => {
    const drawn = hosts.connect(2).random(8);
    await hosts.listen(1, ({ id }, socket) => socket.write(answer(okCode, id, eight)));
    expect(String(await drawn)).to.equal('12345678');
  });

  it('makes and destroys keys through the first host alone', async () => {
    const asked: string[] = [];
    for (const index of [0, 1]) {
      await hosts.listen(index, (frame, socket) => {
        if (frame.code === operationCodes.health) return void socket.write(healthy(frame));
        asked.push(`${index} ${frame.code}`);
        socket.write(
          answer(okCode, frame.id, Buffer.alloc(frame.code === operationCodes.destroyKey ? 1 : 0)),
        );
      });
    }
    const hsm = hosts.connect(2);
    await settled(hsm);
    const material = { keyId: '00112233-4455-6677-8899-aabbccddeeff', materialId: '0'.repeat(32) };
    for (let round = 0; round < 3; round++) {
      await hsm.generateKey(material);
      await hsm.destroyKey(material);
    }
    expect(new Set(asked)).to.deep.equal(
      new Set([`0 ${operationCodes.generateKey}`, `0 ${operationCodes.destroyKey}`]),
    );
  });

  it('rejects what was in flight when a connection is lost, and draws no id again on the next', async () => {
    const ids: number[] = [];
    let silent = true;
    await hosts.listen(0, ({ id }, socket) => {
      ids.push(id);
      if (silent && ids.length === 3) hosts.hangUp();
      if (!silent) socket.write(answer(okCode, id, eight));
    });
    const hsm = hosts.connect(1);
    const kinds = await Promise.all([1, 2, 3].map(() => kindOf(hsm.random(8))));
    expect(kinds).to.deep.equal(['unavailable', 'unavailable', 'unavailable']);
    silent = false;
    expect(await kindOf(hsm.random(8))).to.equal('ok');
    expect(new Set(ids).size).to.equal(4);
  });

  it('settles a request that is never answered by its deadline', async () => {
    await hosts.listen(0, () => {});
    const hsm = hosts.connect(1, 100);
    const started = performance.now();
    expect(await kindOf(hsm.random(8))).to.equal('timeout');
    expect(performance.now() - started).to.be.within(1_000, 1_700);
  });

  it('takes a late answer for none, and goes on', async () => {
    const late: Frame[] = [];
    await hosts.listen(0, (frame, socket) => {
      if (late.push(frame) === 1) return;
      for (const { id } of late.splice(0)) socket.write(answer(okCode, id, eight));
    });
    const hsm = hosts.connect(1, 100);
    expect(await kindOf(hsm.random(8))).to.equal('timeout');
    expect(await kindOf(hsm.random(8))).to.equal('ok');
  });

  it('reads nothing of a late answer, which may hold a plaintext', async () => {
    const late: (() => void)[] = [];
    await hosts.listen(0, ({ id }, socket) => late.push(() => socket.write(answer(okCode, id, eight))));
    let attached: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      attached = resolve;
    });
    let ids = 0;
    const connection = new Connection({
      socketFolder: hosts.folder,
      index: 0,
      queueLimit: 4_096,
      nextId: () => ++ids,
      onAttached: () => attached(),
      onProblem: () => {},
    });
    await ready;
    const read: number[] = [];
    const ask = (name: number, milliseconds: number) =>
      connection.request(
        operationCodes.random,
        0,
        () => {},
        () => read.push(name),
        milliseconds,
      );
    const first = kindOf(ask(1, 100));
    connection.tick(performance.now() + 1_000);
    expect(await first).to.equal('timeout');
    const second = ask(2, 5_000);
    const arrived = performance.now() + 2_000;
    while (late.length < 2 && performance.now() < arrived) await new Promise((next) => setImmediate(next));
    for (const send of late) send();
    await second;
    connection.close();
    expect(read).to.deep.equal([2]);
  });

  it('asks a host once how it is for all who want to know meanwhile', async () => {
    const held: Frame[] = [];
    let reply: (frame: Frame) => void = () => {};
    await hosts.listen(0, (frame, socket) => {
      reply = (one) =>
        socket.write(one.code === operationCodes.health ? healthy(one) : answer(okCode, one.id, eight));
      if (held.push(frame) === 1) reply(frame);
    });
    const hsm = hosts.connect(1);
    await hsm.random(8);
    const checks = Promise.all(Array.from({ length: 10 }, () => hsm.checkHealth()));
    const behind = hsm.random(8);
    while (held.at(-1)?.code !== operationCodes.random || held.length < 2) {
      await new Promise((next) => setImmediate(next));
    }
    expect(held.slice(1).map(({ code }) => code)).to.deep.equal([
      operationCodes.health,
      operationCodes.random,
    ]);
    for (const frame of held.splice(1)) reply(frame);
    await behind;
    for (const { hosts: all } of await checks) {
      expect(all[0]).to.include({ connected: true, problem: undefined });
    }
    const again = hsm.checkHealth();
    while (held.length < 2) await new Promise((next) => setImmediate(next));
    for (const frame of held.splice(1)) reply(frame);
    await again;
  });

  const malformed: Record<string, (id: number) => Buffer> = {
    'to another request': (id) => answer(okCode, id + 1, eight),
    'with an outcome that is none': (id) => answer(200, id, eight),
    'longer than any': () => Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0]),
    'shorter than any': () => Buffer.from([0, 0, 0, 1, 0, 0, 0]),
  };
  for (const [name, make] of Object.entries(malformed)) {
    it(`closes the connection on an answer ${name}, and connects again`, async () => {
      let good = false;
      await hosts.listen(0, ({ id }, socket) => socket.write(good ? answer(okCode, id, eight) : make(id)));
      const hsm = hosts.connect(1);
      expect(await kindOf(hsm.random(8))).to.be.oneOf(['internal', 'unavailable']);
      good = true;
      expect(String(await hsm.random(8))).to.equal('12345678');
    });
  }

  it('closes the connection on an answer that nobody asked for', async () => {
    let attached = 0;
    await hosts.listen(0, ({ id }, socket) => {
      attached++;
      socket.write(Buffer.concat([answer(okCode, id, eight), answer(okCode, id + 1, eight)]));
    });
    const hsm = hosts.connect(1);
    expect(await kindOf(hsm.random(8))).to.equal('ok');
    expect(await kindOf(hsm.random(8))).to.equal('ok');
    expect(attached).to.equal(2);
  });

  it('attaches to no host that doesn’t know the secret', async () => {
    await hosts.listen(0, ({ id }, socket) => socket.write(answer(okCode, id, eight)), Buffer.alloc(32, 8));
    expect(await kindOf(hosts.connect(1).random(8))).to.equal('unavailable');
  });

  it('tells errors as the host does', async () => {
    const kinds: HsmErrorKind[] = [
      'invalid-ciphertext',
      'unavailable',
      'busy',
      'missing-object',
      'unsupported',
      'internal',
    ];
    let next = 0;
    await hosts.listen(0, (frame, socket) => {
      if (frame.code === operationCodes.health) return void socket.write(healthy(frame));
      socket.write(answer(errorCode(kinds[next++] ?? 'internal'), frame.id, Buffer.from('because')));
    });
    const hsm = hosts.connect(1);
    for (const kind of kinds) expect(await kindOf(hsm.random(8))).to.equal(kind);
  });

  it('leaves a host alone that answers at once that it has no token, and asks it whether it has again', async () => {
    let lost = true;
    const served = [0, 0];
    await hosts.listen(0, (frame, socket) => {
      if (frame.code === operationCodes.health) {
        return void socket.write(
          answer(okCode, frame.id, Buffer.from(`{"restarts":0${lost ? ',"problem":"no token"' : ''}}`)),
        );
      }
      served[0] = (served[0] ?? 0) + 1;
      socket.write(
        lost
          ? answer(errorCode('unavailable'), frame.id, Buffer.from('no token'))
          : answer(okCode, frame.id, eight),
      );
    });
    await hosts.listen(1, (frame, socket) => {
      if (frame.code === operationCodes.health) return void socket.write(healthy(frame));
      served[1] = (served[1] ?? 0) + 1;
      socket.write(answer(okCode, frame.id, eight));
    });
    const hsm = hosts.connect(2);
    await settled(hsm);
    const kinds: string[] = [];
    for (let round = 0; round < 50; round++) kinds.push(await kindOf(hsm.random(8)));
    expect(kinds.filter((kind) => kind !== 'ok').length).to.be.at.most(1);
    expect(served[0]).to.be.at.most(1);
    lost = false;
    const before = served[0] ?? 0;
    const deadline = performance.now() + 2_000;
    while ((served[0] ?? 0) === before && performance.now() < deadline) await hsm.random(8);
    expect(served[0]).to.be.above(before);
  });

  it('prefers the host that answers to one that has stopped', async () => {
    let stopped = 0;
    await hosts.listen(0, () => {
      stopped++;
    });
    await hosts.listen(1, ({ id }, socket) => socket.write(answer(okCode, id, eight)));
    const hsm = hosts.connect(2, 600);
    const kinds: string[] = [];
    const deadline = performance.now() + 1_000;
    const waiting: Promise<unknown>[] = [];
    while (performance.now() < deadline) {
      const drawn = kindOf(hsm.random(8)).then((kind) => kinds.push(kind));
      waiting.push(drawn);
      await Promise.race([drawn, new Promise((resolve) => setTimeout(resolve, 5))]);
    }
    await Promise.all(waiting);
    expect(stopped).to.be.below(10);
    expect(kinds.filter((kind) => kind === 'ok').length).to.be.above(100);
  });

  it('refuses more than a queue’s worth', async () => {
    await hosts.listen(0, (frame, socket) => {
      if (frame.code === operationCodes.health) socket.write(healthy(frame));
    });
    const hsm = hosts.connect(1);
    await settled(hsm);
    const kinds = Array.from({ length: 5_000 }, () => kindOf(hsm.random(8)));
    expect(await Promise.race(kinds)).to.equal('busy');
    await hsm.close();
    expect(new Set(await Promise.all(kinds))).to.deep.equal(new Set(['busy', 'unavailable']));
  });
});
