// Where a program cannot be parsed.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { findSyntaxFault } from '#src/workers/serve/syntax-fault.js';
import { isNode, temporaryFolder } from '../../net/sockets.js';
import { test } from '../../support/test.js';

const skip = !isNode && 'other runtimes say it in the error';

test(
  'the place of a syntax error is found, in the file and in what it imports',
  () => {
    using folder = temporaryFolder();
    const save = (name: string, text: string): string => {
      const path = folder.at(name);
      writeFileSync(path, text);
      return path;
    };
    const app = save('app.mjs', "import { soup } from './menu.mjs';\nexport * from './more.mjs';\nconst = soup;\n");
    save('menu.mjs', 'export const soup = 4;\n');
    save('more.mjs', "import './app.mjs';\n");
    assert.match(findSyntaxFault(app) ?? '', /app\.mjs:3\nconst = soup;\n +\^\n\nSyntaxError: Unexpected token '='$/);
    save('app.mjs', "import { soup } from './menu.mjs';\n");
    assert.equal(findSyntaxFault(app), undefined);
    save('menu.mjs', 'export const soup = 4;\nlet x = ;\n');
    assert.match(findSyntaxFault(app) ?? '', /menu\.mjs:2\nlet x = ;\n/);
  },
  { skip },
);

test(
  'a program without one, and a file that is gone, have none, and nothing is run',
  () => {
    using folder = temporaryFolder();
    const path = folder.at('app.mjs');
    writeFileSync(path, "import './gone.mjs';\nprocess.exit(1);\n");
    assert.equal(findSyntaxFault(path), undefined);
    assert.equal(findSyntaxFault(folder.at('none.mjs')), undefined);
  },
  { skip },
);
