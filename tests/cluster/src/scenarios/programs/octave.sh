# Linear algebra with a threaded library, a Fourier transform, an equation that is solved step by step, a file.
octave-cli --norc --no-history --eval '
A = reshape(mod((1:14400) * 7919 + (1:14400).^2, 1009), 120, 120);
s = svd(A); printf("%.9g\n", s(1:4));
[q, r] = qr(A); disp(norm(A - q * r) < 1e-9);
printf("%.9g\n", abs(fft(sin((1:64) / 3)))(1:4));
x = A \ (1:120)'"'"'; disp(norm(A * x - (1:120)'"'"') < 1e-6);
save -text m.txt A; B = A; clear A; load m.txt; disp(isequal(A, B));
k = 0; for i = 1:30000, k = mod(k * 31 + i, 1000003); end, disp(k);
[t, y] = ode45(@(t, y) -y, [0 1], 1); printf("%.6f\n", y(end));
'
