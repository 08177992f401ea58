// nodemailer's smtp-server: `PORT SMTPS-PORT CERTIFICATE KEY`, mail is thrown away.
const fs = require("fs");
const { SMTPServer } = require("smtp-server");

const [port, tlsPort, certificate, key] = process.argv.slice(2);
for (const [where, secure] of [[port, false], [tlsPort, true]]) {
  const server = new SMTPServer({
    secure,
    cert: fs.readFileSync(certificate),
    key: fs.readFileSync(key),
    name: "mail.example.test",
    authOptional: true,
    disabledCommands: ["AUTH"],
    disableReverseLookup: true,
    onData(stream, session, done) {
      stream.on("data", () => {});
      stream.on("end", () => done());
    },
  });
  server.on("error", () => {});
  server.listen(Number(where), "127.0.0.1");
}
