import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Rotation: when a key is due, how each material became the current one, and how often it may have encrypted.
 * States of materials are a growing list that the code knows; those that only wait to be one of the key's are few,
 * and a key has one of them at most.
 */
export const rotation: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const column of ['rotation_period', 'next_rotation']) {
      await db.schema.alterTable('keys').addColumn(column, 'integer').execute();
    }
    await db.schema
      .createIndex('keys_that_rotate')
      .on('keys')
      .column('next_rotation')
      .where(sql<boolean>`next_rotation is not null`)
      .execute();
    await db.schema
      .alterTable('materials')
      .addColumn('state', 'text', (column) => column.notNull().defaultTo('Ready'))
      .execute();
    await db.schema.alterTable('materials').addColumn('rotation_type', 'text').execute();
    await db.schema.alterTable('materials').addColumn('rotated_at', 'integer').execute();
    await db.schema
      .alterTable('materials')
      .addColumn('encryptions', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema.createIndex('materials_by_encryptions').on('materials').column('encryptions').execute();
    await db.schema
      .createIndex('materials_that_wait')
      .unique()
      .on('materials')
      .columns(['region', 'account', 'key_id'])
      .where(sql<boolean>`state in ('Creating', 'Abandoning', 'PendingRotation')`)
      .execute();
    await db.schema
      .alterTable('meta')
      .addColumn('encryptions', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
