/** Hashes written by other programs: passlib 1.7.4 with bcrypt 4.0.1, and databases it served. */
export const passlibVectors = {
  plain: [
    ['grüezi mitenand 2024', '$2b$12$vIsWRUgJYa1IbmxHhYWonOV.ERAb.Ydfbw3eVFRW9cQBwhDHFii.W'],
    ['password 2a', '$2a$05$ba8tEZtpZYxzZoyEN4zoWe/bZ74HoDQtGzLBE9W0n6hq4NgzRJVAW'],
    ['password 2y', '$2y$05$SWDOK9VqBPdqkWypPbrF.OwsRGgbmgG6grlDJbVtdp7xLfzTRd9GK'],
    ['e\u0301'.repeat(5), '$2b$05$o/ylRSTrSg9L7BHcJt3bIedM9QBOBLVCzcItJLFy3.qT6fF9TWBnO'],
  ],
  /** Truncated after 72 bytes, the first two in the middle of a character. */
  truncated: [
    [`${'a'.repeat(71)}ézzz`, '$2b$05$29FypbGRn8wrxISy.KlojeoddfZ.9wbi30y6koXPpBCnfkOPAlzjy'],
    [`${'😀'.repeat(17)}abcé€`, '$2b$05$hlcaa8xaS0FOruozpSFjOe11iZiEgjWuVPIFxz27iMebX/02Ltr82'],
    ['b'.repeat(72), '$2b$05$qWodB9IqObyddQjdayfZW.Go6poLa2573B6EfMW47TjzI3DMcxpy.'],
  ],
  digested: [
    ['x'.repeat(100), '$bcrypt-sha256$v=2,t=2b,r=5$tCSEhE4qheqbdpLp2o35gu$QB7ODUGNAYECCH8c9dQg3yKXiG4hg2m'],
    ['😀'.repeat(32), '$bcrypt-sha256$v=2,t=2b,r=5$bYFdyIHSPXxBuJKIOPcVhe$gRK8nbHMGFH0EcAdzeq8lvlbMnmFzgi'],
    [
      'correct horse battery staple',
      '$bcrypt-sha256$v=2,t=2b,r=5$itxf3zNlQbLesPVMNuACv.$57XvUZEuvRtDCQUilCXF3/3wHpMfyN2',
    ],
    ['b'.repeat(72), '$bcrypt-sha256$v=2,t=2b,r=5$DNSo6McCu39/V6WyujZq8O$kFeIfIvJC01pQ1h9XlooG3u37lS6bje'],
  ],
  digestedVersion1: [
    [
      'correct horse battery staple',
      '$bcrypt-sha256$2b,5$E23.PkGEJUrZvDGtXl0tRu$TXmI6SuXDJdkBbZHtNWmrsurbuCHufS',
    ],
    ['ä'.repeat(60), '$bcrypt-sha256$2a,5$p/aehj5J70RxSIpEr4VdyO$Gijjvhx6DvShMFJyRMdVis3tqIUcylG'],
  ],
} as const satisfies Record<string, readonly (readonly [password: string, stored: string])[]>;
