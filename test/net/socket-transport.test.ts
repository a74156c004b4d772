import { testTransport } from './transport-suite.js';

testTransport('the fastest path');
