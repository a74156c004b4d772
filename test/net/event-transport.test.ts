// The suite of socket-transport over the public events of net.Socket, where the raw path would be taken otherwise.
import { testTransport } from './transport-suite.js';

process.env['MAITRE_RAW_IO'] = 'off'; // read when the first socket is made
testTransport('public events');
