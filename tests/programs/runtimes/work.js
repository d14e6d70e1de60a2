// SPDX-License-Identifier: GPL-2.0-only

// What a Node.js program does: workers with shared memory, garbage, files, HTTP, other programs, timers. Prints the same each time.
'use strict';

const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
const { createHash, pbkdf2Sync } = require('crypto');
const { execFile } = require('child_process');
const fs = require('fs');
const http = require('http');
const { promisify } = require('util');
const { gzipSync, gunzipSync } = require('zlib');

const sleep = promisify(setTimeout);

function count(from, to) {
    let primes = 0;
    for (let n = from; n < to; n++) {
        let prime = n > 1;
        for (let d = 2; d * d <= n && prime; d++)
            prime = n % d !== 0;
        primes += prime;
    }
    return primes;
}

// Workers add up in memory that they share.
async function compute() {
    const shared = new SharedArrayBuffer(8);
    const ends = [0, 1, 2].map(part => new Promise((resolve, reject) => {
        const worker = new Worker(__filename, { workerData: { shared, from: part * 20000, to: (part + 1) * 20000 } });
        worker.on('message', resolve);
        worker.on('error', reject);
    }));
    console.log('parts', await Promise.all(ends), 'together', Atomics.load(new Int32Array(shared), 0));
}

function forget() {
    const kept = createHash('sha256');
    for (let i = 0; i < 300; i++) {
        const block = Array.from({ length: 5000 }, (_, k) => (i * k) % 251);
        if (i % 50 === 0)
            kept.update(Buffer.from(block));
    }
    console.log('kept', kept.digest('hex'));
}

async function files() {
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`).join('\n');
    await fs.promises.writeFile('work.txt', lines);
    const packed = gzipSync(await fs.promises.readFile('work.txt'));
    console.log('files', gunzipSync(packed).toString() === lines, (await fs.promises.stat('work.txt')).size);
    await fs.promises.unlink('work.txt');
}

async function talk() {
    const server = http.createServer((request, response) => {
        let length = 0;
        request.on('data', data => { length += data.length; });
        request.on('end', () => response.end(`${request.method} ${request.url} ${length}`));
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    const answers = Array.from({ length: 10 }, (_, i) => new Promise((resolve, reject) => {
        const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: `/${i}`, agent: false }, response => {
            let text = '';
            response.on('data', data => { text += data; });
            response.on('end', () => resolve(text));
        });
        request.on('error', reject);
        request.end('x'.repeat(i * 1000));
    }));
    console.log((await Promise.all(answers)).join(', '));
    await new Promise(resolve => server.close(resolve));
}

async function run() {
    const { stdout } = await promisify(execFile)('sh', ['-c', 'echo out; exit 0']);
    const failed = await promisify(execFile)('sh', ['-c', 'exit 3']).catch(error => error.code);
    console.log('child', stdout.trim(), failed);
}

async function time() {
    let ticks = 0;
    const timer = setInterval(() => { ticks++; }, 20);
    await sleep(400);
    clearInterval(timer);
    console.log('ticked', ticks > 0, 'key', pbkdf2Sync('word', 'salt', 1000, 16, 'sha256').toString('hex'));
}

async function main() {
    await compute();
    forget();
    await files();
    await talk();
    await run();
    await time();
    process.exitCode = 7;
}

if (isMainThread) {
    main();
} else {
    const primes = count(workerData.from, workerData.to);
    Atomics.add(new Int32Array(workerData.shared), 0, primes);
    parentPort.postMessage(primes);
}
