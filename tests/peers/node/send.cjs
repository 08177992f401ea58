// nodemailer: the messages on stdin go out over one connection; what the server answered, as an array on stdout.
"use strict";

const nodemailer = require("nodemailer");

async function main(how) {
    const transport = nodemailer.createTransport({
        host: "localhost",
        port: how.port,
        secure: how.implicit,
        requireTLS: !how.implicit,
        tls: { ca: how.certificate },
        auth: { user: how.user, pass: how.secret },
        pool: true,
        maxConnections: 1,
    });
    const answers = [];
    for (const one of how.messages)
        answers.push((await transport.sendMail(one.raw ? { envelope: one.envelope, raw: Buffer.from(one.raw, "base64") } : one)).response);
    transport.close();
    return answers;
}

let text = "";
process.stdin.on("data", (piece) => (text += piece));
process.stdin.on("end", () =>
    main(JSON.parse(text)).then(
        (answers) => process.stdout.write(JSON.stringify(answers)),
        (error) => {
            console.error(error);
            process.exit(1);
        },
    ),
);
