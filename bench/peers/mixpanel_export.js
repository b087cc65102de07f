// Runs npm's mixpanel-import as an exporter, from an address on this machine into a file.
//
//   node mixpanel_export.js <folder of node_modules> <file> <address> <first day> <last day>
//
// The package has its addresses written in. It asks with `got`, whose `stream` is given the other
// address here before the package asks for it; nothing else is changed.
const [modules, file, address, start, end] = process.argv.slice(2);
const find = (name) => require.resolve(name, { paths: [modules] });

const got = require(find('got'));
const stream = got.stream;
got.stream = (options) => {
  const { pathname } = new URL(options.url);
  return stream({ ...options, url: address + pathname, agent: undefined });
};

const mixpanel = require(find('mixpanel-import'));
const credentials = { acct: 'bench', pass: 'secret', project: '2718281' };
const options = { recordType: 'export', start, end, where: file };
mixpanel(credentials, file, options).then(({ success, failed }) => {
  console.log(JSON.stringify({ success, failed }));
  process.exit(0);
});
