// SPDX-License-Identifier: GPL-2.0-only

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** What a Java program does: threads, locks, garbage, files, sockets, other programs, timers. Prints the same each time. */
public class Work {
    static final int THREADS = 4;

    static int collatz(long n) {
        int steps = 0;
        for (; n != 1; steps++)
            n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        return steps;
    }

    /** Several threads compute; each result is found once. */
    static void compute() throws Exception {
        var pool = Executors.newFixedThreadPool(THREADS);
        var longest = new ConcurrentHashMap<Integer, Integer>();
        List<Future<Integer>> parts = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            final int from = 1 + t * 5000;
            parts.add(pool.submit(() -> {
                int most = 0;
                for (int n = from; n < from + 5000; n++) {
                    int steps = collatz(n);
                    longest.merge(steps / 50, 1, Integer::sum);
                    most = Math.max(most, steps);
                }
                return most;
            }));
        }
        for (var part : parts)
            System.out.println("longest " + part.get());
        System.out.println("distribution " + new TreeMap<>(longest));
        pool.shutdown();
        if (!pool.awaitTermination(1, TimeUnit.MINUTES))
            throw new IllegalStateException("the pool does not end");
    }

    /** Memory that is filled and forgotten, with collections of the garbage in between. */
    static void forget() {
        long sum = 0;
        var kept = new ArrayList<byte[]>();
        for (int i = 0; i < 400; i++) {
            byte[] block = new byte[100_000];
            for (int k = 0; k < block.length; k += 1000)
                block[k] = (byte) (i + k);
            if (i % 50 == 0)
                kept.add(block);
            if (i % 100 == 0)
                System.gc();
        }
        for (byte[] block : kept)
            for (byte b : block)
                sum += b;
        System.out.println("kept " + sum);
    }

    static void files() throws IOException {
        Path path = Files.createTempFile(Path.of("."), "work", ".txt");
        var lines = new ArrayList<String>();
        for (int i = 0; i < 500; i++)
            lines.add("line " + i);
        Files.write(path, lines);
        System.out.println("read " + Files.readAllLines(path).equals(lines) + " " + Files.size(path));
        Files.delete(path);
    }

    /** A server in a thread, and a client. */
    static void talk() throws Exception {
        try (var server = new ServerSocket(0)) {
            var thread = new Thread(() -> {
                try (Socket peer = server.accept()) {
                    peer.getInputStream().transferTo(peer.getOutputStream());
                } catch (IOException e) {
                    System.out.println("server: " + e);
                }
            });
            thread.start();
            try (var client = new Socket("127.0.0.1", server.getLocalPort())) {
                for (int i = 0; i < 20; i++)
                    client.getOutputStream().write(("message " + i + "\n").getBytes());
                client.shutdownOutput();
                String echo = new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                System.out.println("echo " + echo.lines().count() + " " + echo.hashCode());
            }
            thread.join();
        }
    }

    static void run() throws Exception {
        var process = new ProcessBuilder("sh", "-c", "read word; echo heard $word; exit 3").start();
        try (var in = process.outputWriter()) {
            in.write("hello\n");
        }
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        System.out.println("child " + said.strip() + " " + process.waitFor());
    }

    /** Ticks while another thread computes, a monitor between two. */
    static void time() throws Exception {
        var ticks = new AtomicInteger();
        var timer = Executors.newScheduledThreadPool(1);
        timer.scheduleAtFixedRate(ticks::incrementAndGet, 0, 20, TimeUnit.MILLISECONDS);
        long before = System.nanoTime();
        Object monitor = new Object();
        int[] turn = {0};
        Callable<Void> player = () -> {
            for (int i = 0; i < 20; i++)
                synchronized (monitor) {
                    int mine = turn[0];
                    turn[0]++;
                    monitor.notifyAll();
                    while (turn[0] == mine + 1 && mine < 39)
                        monitor.wait(50);
                }
            return null;
        };
        var pool = Executors.newFixedThreadPool(2);
        var both = pool.invokeAll(List.of(player, player));
        for (var one : both)
            one.get();
        pool.shutdown();
        while (ticks.get() < 20)
            Thread.sleep(10);
        timer.shutdownNow();
        System.out.println("turns " + turn[0] + " " + (System.nanoTime() - before > 300_000_000L));
    }

    public static void main(String[] arguments) throws Exception {
        compute();
        forget();
        files();
        talk();
        run();
        time();
        try {
            Object nothing = arguments.length > 5 ? "" : null;
            nothing.hashCode();
        } catch (NullPointerException e) {
            System.out.println("no object");
        }
        System.exit(7);
    }
}
