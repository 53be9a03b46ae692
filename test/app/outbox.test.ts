import { expect } from 'chai';
import pino from 'pino';
import { Outbox } from '../../src/app/outbox.ts';
import { TrailError, TrailUndecided } from '../../src/audit/error.ts';
import type { AuditRecord, Trail } from '../../src/audit/record.ts';
import { newRecord } from '../contract/store/fixture.ts';

/** An outbox and a trail in memory, whose failures the test decides: the real ones are tried by the crash test. */
function world(count: number) {
  const rows = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    record: newRecord('CreateKey'),
  }));
  const written: string[] = [];
  let append = async (record: AuditRecord): Promise<void> => {
    written.push(record.eventID);
  };
  let remove = async (ids: readonly number[]): Promise<void> => {
    for (const id of ids)
      rows.splice(
        rows.findIndex((row) => row.id === id),
        1,
      );
  };
  const store = {
    pendingRecords: async (limit: number) => rows.slice(0, limit),
    removeRecords: (ids: readonly number[]) => remove(ids),
  };
  const trail: Trail = { writable: true, append: (record) => append(record) };
  const known = new Set<string>();
  const containsEvents = async (ids: Set<string>) => new Set([...ids].filter((id) => known.has(id)));
  return {
    rows,
    written,
    known,
    outbox: new Outbox(store, trail, containsEvents, pino({ level: 'silent' })),
    onAppend(next: typeof append) {
      const before = append;
      append = next;
      return before;
    },
    onRemove(next: typeof remove) {
      const before = remove;
      remove = next;
      return before;
    },
  };
}

describe('the outbox', () => {
  it('brings every record to the trail once, in order, over many batches', async () => {
    const { outbox, rows, written } = world(600);
    const ids = rows.map(({ record }) => record.eventID);
    await outbox.drain();
    expect(written).to.deep.equal(ids);
    expect(rows).to.deep.equal([]);
  });

  it('recognises at its first look what a process before it had brought over', async () => {
    const { outbox, rows, written, known } = world(600);
    const ids = rows.map(({ record }) => record.eventID);
    for (const id of ids.slice(0, 400)) known.add(id);
    await outbox.drain();
    expect(written).to.deep.equal(ids.slice(400));
    expect(rows).to.deep.equal([]);
  });

  it('brings nothing over twice where the store would not let it go', async () => {
    const { outbox, rows, written, onRemove } = world(3);
    const ids = rows.map(({ record }) => record.eventID);
    const works = onRemove(() => Promise.reject(new Error('full')));
    await outbox.drain();
    await outbox.drain();
    expect(rows).to.have.length(3);
    onRemove(works);
    await outbox.drain();
    expect(written).to.deep.equal(ids);
    expect(rows).to.deep.equal([]);
  });

  it('keeps what the trail refused, and brings it over when the trail is well', async () => {
    const { outbox, rows, written, onAppend } = world(3);
    const [first] = rows;
    const works = onAppend(async (record) => {
      if (record === first?.record) throw new TrailError('unwritable', 'full');
      written.push(record.eventID);
    });
    await outbox.drain();
    expect(rows.map(({ id }) => id)).to.deep.equal([1]);
    onAppend(works);
    await outbox.drain();
    expect(written).to.have.length(3);
    expect(new Set(written).size).to.equal(3);
  });

  it('waits until it is certain, where a disk hangs: neither twice nor not at all', async () => {
    for (const durable of [true, false]) {
      const { outbox, rows, written, onAppend } = world(1);
      let decide: (error?: Error) => void = () => undefined;
      const settled = new Promise<void>((resolve, reject) => {
        decide = (error) => (error === undefined ? resolve() : reject(error));
      });
      const works = onAppend(() => Promise.reject(new TrailUndecided(settled)));
      const draining = outbox.drain();
      await new Promise((resolve) => setImmediate(resolve));
      expect(rows).to.have.length(1);
      onAppend(works);
      decide(durable ? undefined : new TrailError('unwritable', 'cut'));
      await draining;
      await outbox.drain();
      expect(written).to.have.length(durable ? 0 : 1);
      expect(rows).to.deep.equal([]);
      await outbox.close();
    }
  });
});
