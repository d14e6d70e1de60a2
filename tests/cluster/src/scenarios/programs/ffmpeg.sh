# A film with sound, made, encoded with threads, and decoded again with filters.
ffmpeg -v error -f lavfi -i testsrc=duration=2:size=176x144:rate=10 -f lavfi -i sine=frequency=440:duration=2 -threads 2 -c:v libx264 -preset ultrafast -c:a pcm_s16le -fflags +bitexact -flags:v +bitexact -y film.mkv
md5sum < film.mkv
ffmpeg -v error -i film.mkv -vf scale=88:72,hflip -af volume=0.5 -f framemd5 - | md5sum
