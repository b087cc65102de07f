// Runs npm's mixpanel-import with its defaults on a folder, towards an address on this machine.
//
//   node mixpanel_import.js <folder of node_modules> <export> <address>
//
// The package has its addresses written in. Its requests go through pools of undici, which are
// given the other address here before the package asks for them; nothing else is changed.
const [modules, folder, address] = process.argv.slice(2);
const find = (name) => require.resolve(name, { paths: [modules] });

const undici = require(find('undici'));
const { Pool } = undici;
undici.Pool = class extends Pool {
  constructor(_origin, options) {
    super(address, options);
  }
};

const importInto = require(find('mixpanel-import'));
const credentials = { acct: 'bench', pass: 'secret', project: '2718281', token: '0123456789abcdef' };
const options = { recordType: 'event', vendor: 'amplitude' };
importInto(credentials, folder, options).then(({ total, success, failed }) => {
  console.log(JSON.stringify({ read: total, sent: success + failed }));
  process.exit(0);
});
